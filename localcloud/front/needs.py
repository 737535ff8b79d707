"""What a call needs to be allowed: IAM actions on resources, after the Service Authorization Reference.

Pure: service, operation and parameters in, needs out. Calls of services not listed here need their action on
whatever resource the role names (`resources` is None), because guessing an ARN would refuse what AWS allows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.front import sagemaker_needs
from localcloud.front.need import ANY, Need, Parameters, Where, named

PREFIXES = {  # botocore's name -> IAM's
    "apigatewayv2": "apigateway",
    "dynamodbstreams": "dynamodb",
    "sagemaker-featurestore-runtime": "sagemaker",
    "sagemaker-metrics": "sagemaker",
    "sagemaker-runtime": "sagemaker",
    "stepfunctions": "states",
}
ACTIONS = {("lambda", "Invoke"): "lambda:InvokeFunction", ("scheduler", "Invoke"): "scheduler:Invoke"}
FREE = {"sts:GetCallerIdentity", "sts:GetSessionToken"}  # AWS checks no policy for these
PASSES_ROLES = {  # IAM prefix -> the service a passed role is for
    "events": "events.amazonaws.com",
    "glue": "glue.amazonaws.com",
    "lambda": "lambda.amazonaws.com",
    "sagemaker": "sagemaker.amazonaws.com",
    "scheduler": "scheduler.amazonaws.com",
    "states": "states.amazonaws.com",
}
ROLE_MEMBERS = {"RoleArn", "ExecutionRoleArn", "roleArn", "Role"}


def needs(service: str, operation: str, parameters: Parameters, where: Where) -> list[Need]:
    prefix = PREFIXES.get(service, service)
    action = ACTIONS.get((service, operation), f"{prefix}:{operation}")
    if action in FREE:
        return []
    finder = FINDERS.get(prefix)
    found = list(finder(action, operation, parameters, where)) if finder else [Need(action, None)]
    if prefix in PASSES_ROLES and not operation.startswith(("Describe", "Get", "List")):
        context = {"iam:passedtoservice": PASSES_ROLES[prefix]}
        found += [Need("iam:PassRole", (role,), context) for role in _roles(parameters)]
    return found


def _roles(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name in ROLE_MEMBERS and isinstance(item, str) and item.startswith("arn:"):
                yield item
            else:
                yield from _roles(item)
    elif isinstance(value, list):
        for item in value:
            yield from _roles(item)


def _cloudwatch(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    names = parameters.get("AlarmNames") or [parameters[k] for k in ("AlarmName",) if k in parameters]
    if operation == "PutMetricData":
        yield Need(action, ANY, {"cloudwatch:namespace": parameters.get("Namespace", "")})
    elif names:
        yield from (Need(action, (where.arn("cloudwatch", f"alarm:{name}"),)) for name in names)
    elif operation == "DescribeAlarms":
        yield Need(action, (where.arn("cloudwatch", "alarm:*"), "*"))
    else:
        yield Need(action, ANY)


def _dynamodb(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    def table(name: str) -> str:
        return named(name, lambda n: where.arn("dynamodb", f"table/{n}"))

    if "RequestItems" in parameters:
        yield from (Need(action, (table(name),)) for name in parameters["RequestItems"])
    elif "TransactItems" in parameters:  # each item needs the action it stands for
        for item in parameters["TransactItems"]:
            for verb, request in item.items():
                single = {"Get": "GetItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
                yield Need(
                    f"dynamodb:{single.get(verb, 'ConditionCheckItem')}", (table(request["TableName"]),)
                )
    elif "TableName" in parameters:
        index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
        context: dict[str, str | list[str]] = {}
        if len(key := parameters.get("Key", {})) == 1:
            context["dynamodb:leadingkeys"] = [str(v) for value in key.values() for v in value.values()]
        yield Need(action, (table(parameters["TableName"]) + index,), context)
    elif "StreamArn" in parameters or "ResourceArn" in parameters:
        yield Need(action, (parameters.get("StreamArn") or parameters["ResourceArn"],))
    else:
        yield Need(action, ANY if operation.startswith("List") else None)


def _events(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    def bus(name: str | None) -> str:
        return named(name or "default", lambda n: where.arn("events", f"event-bus/{n}"))

    if operation == "PutEvents":
        for entry in parameters.get("Entries", []):
            context = {
                "events:source": entry.get("Source", ""),
                "events:detail-type": entry.get("DetailType", ""),
            }
            yield Need(action, (bus(entry.get("EventBusName")),), context)
    elif rule := parameters.get("Rule") or parameters.get("Name"):
        parent = bus(parameters.get("EventBusName")).rpartition("/")[2]
        yield Need(
            action, (where.arn("events", f"rule/{rule}" if parent == "default" else f"rule/{parent}/{rule}"),)
        )
    else:
        yield Need(action, None)


def _glue(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    """Glue wants the action on the catalog, the database and the table, all three."""
    yield Need(action, (where.arn("glue", "catalog"),))
    database = parameters.get("DatabaseName")
    if operation.endswith(("Database", "Databases")):
        database = parameters.get("Name") or parameters.get("DatabaseInput", {}).get("Name", "*")
    if database:
        yield Need(action, (where.arn("glue", f"database/{database}"),))
    table = parameters.get("TableName") or parameters.get("TableInput", {}).get("Name")
    if table is None and operation in {"GetTable", "DeleteTable"}:
        table = parameters.get("Name")
    if table is None and operation == "GetTables":
        table = "*"
    if database and table:
        yield Need(action, (where.arn("glue", f"table/{database}/{table}"),))


def _lambda(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    name = parameters.get("FunctionName")
    if name is None:
        yield Need(action, None)
        return
    name = name.replace("%3A", ":")
    if re.match(r"\d{12}:function:", name):
        name = name.partition(":function:")[2]
    arn = named(name, lambda n: where.arn("lambda", f"function:{n}"))
    qualifier = parameters.get("Qualifier")
    yield Need(action, (f"{arn}:{qualifier}" if qualifier else arn,))


def _logs(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    group, stream = parameters.get("logGroupName"), parameters.get("logStreamName")
    if group is None:
        yield Need(action, None)
        return
    base = where.arn("logs", f"log-group:{group}")
    yield Need(
        action, (f"{base}:log-stream:{stream}" if stream else f"{base}:log-stream:", base, f"{base}:*")
    )


def _named_by(prefix: str, members: Mapping[str, str]) -> Callable[..., Iterator[Need]]:
    """A finder for services where one parameter, a name or an ARN, says which resource is meant."""

    def find(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
        for member, resource in members.items():
            if (value := parameters.get(member)) is not None:
                arn = value if value.startswith("arn:") else where.arn(prefix, resource.format(value))
                yield Need(action, (arn,))
                return
        yield Need(action, None)

    return find


def _sqs(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    name = parameters.get("QueueName") or parameters.get("QueueUrl", "").rpartition("/")[2]
    plain = action.removesuffix("Batch")  # SendMessageBatch is granted as SendMessage
    yield Need(plain, (where.arn("sqs", name),) if name else ANY)


def _states(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    if operation.startswith(("SendTask", "ListStateMachines", "ListActivities", "ValidateStateMachine")):
        yield Need(action, ANY)
        return
    members = ("executionArn", "stateMachineArn", "activityArn", "mapRunArn", "resourceArn")
    arn = next((parameters[member] for member in members if member in parameters), None)
    if arn is None and operation == "CreateStateMachine":
        arn = where.arn("states", f"stateMachine:{parameters.get('name', '')}")
    yield Need(action, (arn,) if arn else None)


def _ssm(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    names = parameters.get("Names") or [parameters.get(k) for k in ("Name", "Path") if k in parameters]
    for name in names:
        yield Need(action, (where.arn("ssm", f"parameter/{str(name).strip('/')}"),))
    if not names:
        yield Need(action, ANY)


def _secrets(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    secret = parameters.get("SecretId")
    if secret is None:
        yield Need(action, None)
    else:  # a secret's ARN ends in six characters that its name does not have
        yield Need(action, (named(secret, lambda n: where.arn("secretsmanager", f"secret:{n}-AAAAAA")),))


def _anywhere(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    yield Need(action, ANY)


FINDERS: dict[str, Callable[[str, str, Parameters, Where], Iterator[Need]]] = {
    "athena": _named_by("athena", {"WorkGroup": "workgroup/{}"}),
    "cloudwatch": _cloudwatch,
    "dynamodb": _dynamodb,
    "events": _events,
    "glue": _glue,
    "kms": _named_by("kms", {"KeyId": "key/{}"}),
    "lambda": _lambda,
    "logs": _logs,
    "sagemaker": sagemaker_needs.needs,
    "secretsmanager": _secrets,
    "sns": _named_by("sns", {"TopicArn": "{}", "TargetArn": "{}", "Name": "{}"}),
    "sqs": _sqs,
    "ssm": _ssm,
    "states": _states,
    "sts": _named_by("iam", {"RoleArn": "{}"}),
    "xray": _anywhere,
}
