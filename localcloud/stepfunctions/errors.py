"""Refusals of the Step Functions API that moto does not make."""

from moto.core.exceptions import AWSError


class InvalidDefinitionError(AWSError):
    TYPE = "InvalidDefinition"


class InvalidOutputError(AWSError):
    TYPE = "InvalidOutput"


class StateMachineTypeNotSupportedError(AWSError):
    TYPE = "StateMachineTypeNotSupported"


class TaskDoesNotExistError(AWSError):
    TYPE = "TaskDoesNotExist"


class TaskTimedOutError(AWSError):
    TYPE = "TaskTimedOut"
