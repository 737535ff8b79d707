"""boto3 clients of state machines: one for each service and role, with the credentials of that role."""

import functools
import threading
from typing import Any

import boto3
from botocore.config import Config

from localcloud import _moto_seams, cloud, identity

_PARSER = "moto.stepfunctions.parser.asl.component.state.exec"
_SERVICES = f"{_PARSER}.state_task.service.state_task_service"
USERS = (  # each imports moto's boto_client_for by name
    f"{_PARSER}.state_task.lambda_eval_utils",
    f"{_PARSER}.state_map.item_reader.eval.resource_eval_s3",
    f"{_PARSER}.state_map.result_writer.resource_eval.resource_eval_s3",
    *(f"{_SERVICES}_{name}" for name in ("aws_sdk", "dynamodb", "events", "glue", "sfn", "sns", "sqs")),
)
LONGEST_CALL_SECONDS = 3600  # a Lambda function may take 900 s; its task's own timeout ends the wait before

_making = threading.Lock()  # boto3 builds clients from one session, which is not safe in threads


def install() -> None:
    for module in USERS:
        _moto_seams.replace(module, "boto_client_for", client_for)


def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
    """The client of a task; `state_credentials` names the machine's role, or one of the state's own."""
    return _client(cloud.current(), service, region, state_credentials.role_arn if state_credentials else "")


@functools.lru_cache(maxsize=256)
def _client(here: cloud.Cloud, service: str, region: str, role_arn: str) -> Any:
    keys = identity.credentials(role_arn)
    with _making:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=here.url,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=keys["AWS_SESSION_TOKEN"],
            config=Config(
                parameter_validation=False,  # the service answers for bad values, under its own error name
                inject_host_prefix=False,
                retries={"total_max_attempts": 1},  # a retry belongs to the state machine
                read_timeout=LONGEST_CALL_SECONDS,
                max_pool_connections=64,
                s3={"addressing_style": "path"},
            ),
        )
