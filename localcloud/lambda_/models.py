"""moto's Lambda with functions that really run: its two classes, replaced by subclasses.

moto keeps the configuration, versions, aliases, permissions and mappings. Layers, extensions, SnapStart and
response streaming are not there, and memory is not limited.
"""

import base64
import json
import uuid
import zipfile
from collections.abc import Mapping
from typing import Any, cast

import moto.awslambda.urls
from flask import has_request_context, request
from moto.awslambda.models import EventSourceMapping, ImageConfig, LambdaBackend, LambdaFunction

from localcloud.events import lineage, sqs_to_lambda
from localcloud.lambda_ import asynchronous, launch, report
from localcloud.lambda_.errors import (
    InvalidParameterValueError,
    InvalidRequestContentError,
    RequestTooLargeError,
    TooManyRequestsError,
    UnstartableError,
)
from localcloud.lambda_.pool import Gate, WorkerPool
from localcloud.lambda_.worker import Invocation, Outcome

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
MAX_RESPONSE_BYTES = 6_291_556  # AWS names this number in its error
MAX_EVENT_BYTES = 1024 * 1024  # an asynchronous event, since October 2025
_TAIL_BYTES = 4096


class LocalFunction(LambdaFunction):
    """Set by `__class__` on moto's object, so that S3, SNS, the API and versions come through `invoke`."""

    gate: Gate
    logging_config: dict[str, str]
    dead_letter_config: dict[str, str]
    _pool: WorkerPool | None = None

    def __getstate__(self) -> dict[str, Any]:
        # moto copies a function to publish a version of it: a version has workers of its own
        return {name: value for name, value in super().__getstate__().items() if name != "_pool"}

    def adopt(self, spec: Mapping[str, Any]) -> None:
        """Take what the request says and moto leaves out."""
        self.gate = Gate()
        self.logging_config = dict(spec.get("LoggingConfig") or {})
        self.dead_letter_config = dict(spec.get("DeadLetterConfig") or {})

    @property
    def log_group(self) -> str:
        return self.logging_config.get("LogGroup") or self.logs_group_name

    @property
    def log_format(self) -> str:
        return self.logging_config.get("LogFormat", "Text")

    @property
    def invoke_config(self) -> dict[str, Any]:
        """What EventInvokeConfig says of asynchronous calls; the newest counts."""
        return self.event_invoke_config[-1].config if self.event_invoke_config else {}

    @property
    def pool(self) -> WorkerPool:
        if self._pool is None:
            # setdefault is one step of the interpreter: two first calls at once share one pool
            self.__dict__.setdefault("_pool", WorkerPool(lambda: launch.of(self)))
        return self.__dict__["_pool"]  # type: ignore[no-any-return]

    def retire_workers(self) -> None:
        if self._pool is not None:
            self._pool.retire()

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:
        logging_config = {"LogFormat": self.log_format, "LogGroup": self.log_group, **self.logging_config}
        configuration = {**super().get_configuration(on_create), "LoggingConfig": logging_config}
        if self.dead_letter_config:
            configuration["DeadLetterConfig"] = self.dead_letter_config
        return configuration

    def update_configuration(self, config_updates: dict[str, Any]) -> dict[str, Any]:
        updates = dict(config_updates)
        if "Environment" in updates:
            updates["Environment"] = {"Variables": (updates["Environment"] or {}).get("Variables", {})}
            refuse_reserved(updates["Environment"])
        if "ImageConfig" in updates:
            self.image_config = ImageConfig(updates["ImageConfig"] or {})
        if "LoggingConfig" in updates:
            self.logging_config = dict(updates["LoggingConfig"] or {})
        if "DeadLetterConfig" in updates:
            self.dead_letter_config = dict(updates["DeadLetterConfig"] or {})
        if "EphemeralStorage" in updates:
            self.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        if "TracingConfig" in updates:
            self.tracing_config = updates["TracingConfig"]
        super().update_configuration(updates)
        self.retire_workers()
        return self.get_configuration()

    def update_function_code(self, updated_spec: dict[str, Any]) -> dict[str, Any]:
        configuration = super().update_function_code(updated_spec)
        if not updated_spec.get("DryRun"):
            self.retire_workers()
        return configuration

    def invoke(self, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        """Every caller in moto comes here. S3 and SNS bring no headers: theirs are events, nobody waits."""
        payload = body.encode() if isinstance(body, str) else bytes(body or b"")
        headers = request_headers or {"X-Amz-Invocation-Type": "Event"}
        invocation_type = headers.get("X-Amz-Invocation-Type") or "RequestResponse"
        payload = _checked(payload or b"{}", invocation_type)
        if invocation_type == "DryRun":
            return b""
        if invocation_type == "Event":
            asynchronous.submit(self, payload, lineage.depth())
            return b""
        outcome = self.run(payload, client_context=headers.get("X-Amz-Client-Context") or "")
        if outcome.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["x-amz-executed-version"] = str(self.version)
        log = "".join(text for _, text in outcome.lines).encode()
        response_headers["x-amz-log-result"] = base64.b64encode(log[-_TAIL_BYTES:]).decode()
        return outcome.result

    def run(self, payload: bytes, *, request_id: str = "", client_context: str = "") -> Outcome:
        """Run one event in a worker, now, and say what became of it.

        Raises:
            TooManyRequestsError: as many invocations run as are reserved for the function.
            UnstartableError: there is nothing to run.
        """
        if not self.gate.enter():
            report.throttled(self)
            raise TooManyRequestsError
        try:
            invocation = Invocation(
                request_id=request_id or str(uuid.uuid4()),
                payload=payload,
                function_arn=self.function_arn,
                timeout_seconds=float(self.timeout),
                trace_id=lineage.trace_id(lineage.depth() + 1),
                client_context=base64.b64decode(client_context).decode() if client_context else "",
            )
            try:
                worker, outcome = self.pool.run(invocation)
            except (LookupError, OSError, zipfile.BadZipFile) as error:
                raise UnstartableError(self.function_name, error) from error
            if len(outcome.result) > MAX_RESPONSE_BYTES:
                _refuse_response(outcome)
            report.ran(self, worker, invocation, outcome)
            return outcome
        finally:
            self.gate.leave()


class LocalMapping(EventSourceMapping):
    """Set by `__class__` on moto's object; it describes itself as Lambda does."""

    _created = False

    def get_configuration(self) -> dict[str, Any]:
        configuration = super().get_configuration()
        configuration.setdefault("FunctionResponseTypes", [])
        if ":sqs:" in self.event_source_arn:
            configuration.setdefault("MaximumBatchingWindowInSeconds", 0)
        configuration["StateTransitionReason"] = "USER_INITIATED"
        if not self._created:  # the answer to its creation is the first to tell of it
            configuration["State"] = "Creating"
            self._created = True
        return configuration


class LocalLambda(LambdaBackend):
    """moto's backend, whose functions are LocalFunctions and whose SQS mappings are pollers of ours."""

    _url_module = moto.awslambda.urls

    def create_function(self, spec: dict[str, Any]) -> LambdaFunction:
        refuse_reserved(spec.get("Environment") or {})
        publish = spec.pop("Publish", False)
        function = cast("LocalFunction", super().create_function(spec))
        function.__class__ = LocalFunction
        function.adopt(spec)
        if publish:
            self.publish_version(spec["FunctionName"])
        return function

    def get_function(self, function_name_or_arn: str, qualifier: str | None = None) -> LocalFunction:
        return cast("LocalFunction", super().get_function(function_name_or_arn, qualifier))

    def invoke(
        self, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> Any:
        # moto looks for `qualifier`, the API sends `Qualifier`
        asked = request.args.get("Qualifier") if has_request_context() else None
        return super().invoke(function_name, qualifier or asked, body, headers, response_headers)

    def delete_function(self, function_name: str, qualifier: str | None = None) -> None:
        function = self.get_function(function_name, qualifier)
        doomed = [each for each in self.all_functions() if each.function_name == function.function_name]
        if qualifier:
            doomed = [function]
        super().delete_function(function_name, qualifier)
        for each in doomed:
            each.retire_workers()

    def put_function_concurrency(self, function_name: str, reserved_concurrency: str) -> str:
        reserved = super().put_function_concurrency(function_name, reserved_concurrency)
        self.get_function(function_name).gate.limit = int(reserved)
        return reserved

    def delete_function_concurrency(self, function_name: str) -> str | None:
        self.get_function(function_name).gate.limit = None
        return super().delete_function_concurrency(function_name)

    def put_function_event_invoke_config(self, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
        self.get_function(function_name).event_invoke_config.clear()  # it replaces, where moto collects
        return super().put_function_event_invoke_config(function_name, config)

    def update_function_event_invoke_config(
        self, function_name: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        known = self.get_function(function_name).invoke_config
        return self.put_function_event_invoke_config(function_name, {**known, **config})

    def create_event_source_mapping(self, spec: dict[str, Any]) -> EventSourceMapping:
        if ":sqs:" in spec.get("EventSourceArn", ""):
            sqs_to_lambda.check(self, spec)
        mapping = super().create_event_source_mapping(spec)
        mapping.__class__ = LocalMapping
        if ":sqs:" in mapping.event_source_arn:
            sqs_to_lambda.start(self, mapping)
        return mapping

    def all_functions(self) -> list[LocalFunction]:
        """Every version of every function, themselves and not moto's copies of them."""
        stored = list(self._lambdas._functions.values())
        return [function for each in stored for function in (each["latest"], *each["versions"]) if function]

    def reset(self) -> None:
        for function in self.all_functions():
            function.retire_workers()
        super().reset()


def refuse_reserved(environment: Mapping[str, Any]) -> None:
    names = sorted(launch.RESERVED & set(environment.get("Variables") or {}))
    if names:
        raise InvalidParameterValueError(
            "Lambda was unable to configure your environment variables because the environment variables you "
            "have provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(names)}"
        )


def _checked(payload: bytes, invocation_type: str) -> bytes:
    limit = MAX_EVENT_BYTES if invocation_type == "Event" else MAX_PAYLOAD_BYTES
    if len(payload) > limit:
        raise RequestTooLargeError(len(payload), limit)
    try:
        json.loads(payload)
    except ValueError as error:
        raise InvalidRequestContentError(error) from error
    return payload


def _refuse_response(outcome: Outcome) -> None:
    outcome.failed = True
    error = {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        f"({MAX_RESPONSE_BYTES} bytes).",
    }
    outcome.result = json.dumps(error).encode()
