"""Where a verb acts: this machine's local cloud, or an AWS account. Both speak the same API.

A pipeline's resources are found by the outputs of its stacks, so nothing here knows a physical name.
"""

import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tidegate_cli import local
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options

STACKS = ("Data", "Pipeline", "Api")
DUMMY = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}


@dataclass(frozen=True)
class Place:
    """One deployed pipeline in one place."""

    name: str  # what the first line on stderr says
    prefix: str
    session: boto3.Session = field(repr=False)
    url: str | None = None  # of the local cloud; None in an account, where AWS is where it is

    @functools.cache  # noqa: B019  a command is one short process
    def client(self, service: str) -> Any:
        retries: Any = {"mode": "standard", "max_attempts": 5}
        config = Config(retries=retries, max_pool_connections=16, s3={"addressing_style": "path"})
        return self.session.client(service, endpoint_url=self.url, config=config)

    @functools.cached_property
    def outputs(self) -> dict[str, str]:
        """Outputs of the pipeline's stacks by name.

        Raises:
            CommandError: a stack is not there.
        """
        found: dict[str, str] = {}
        for stack in STACKS:
            try:
                answer = self.client("cloudformation").describe_stacks(StackName=f"{self.prefix}-{stack}")
            except (ClientError, BotoCoreError) as cause:
                raise CommandError(
                    f"`{self.prefix}` is not deployed in {self.name}",
                    cause=str(cause),
                    hint="npx cdk deploy --all" if self.url is None else "start it with `tidegate up`",
                ) from cause
            for output in answer["Stacks"][0].get("Outputs", []):
                found[output["OutputKey"]] = output["OutputValue"]
        return found

    @property
    def dataset(self) -> str:
        """Whose drops the pipeline reads; stacks of an older version do not say it."""
        return self.outputs.get("Dataset") or self.prefix.rpartition("-")[0]

    def signed(self, method: str, url: str, body: bytes) -> dict[str, str]:
        """Headers for a call of the HTTP API as the person of this session."""
        request = AWSRequest(method, url, data=body, headers={"Content-Type": "application/json"})
        region = self.session.region_name or "us-east-1"
        SigV4Auth(self.session.get_credentials(), "execute-api", region).add_auth(request)
        return dict(request.headers.items())


def on_this_machine(cloud: local.LocalCloud) -> Place:
    return Place(
        name=f"this machine, {cloud.url}", prefix=cloud.prefix, session=boto3.Session(**DUMMY), url=cloud.url
    )


def current(options: Options) -> Place:
    """The place that was asked for.

    Raises:
        CommandError: nothing runs on this machine, or another pipeline than the one that was named; or there
            is no such profile.
    """
    if options.aws is not None:
        try:
            session = boto3.Session(profile_name=options.aws or None)
            region = session.region_name
        except BotoCoreError as cause:
            raise CommandError(
                "no such AWS profile", cause=str(cause), hint="aws configure list-profiles"
            ) from cause
        if region is None:
            raise CommandError("no AWS region is set", hint="export AWS_REGION, or set it in the profile")
        name = f"AWS, {region}" + (f", profile {options.aws}" if options.aws else "")
        return Place(name=name, prefix=prefix_of(options.pipeline, options.environment), session=session)
    cloud = local.running()
    if cloud is None:
        raise CommandError(
            "no pipeline runs on this machine",
            hint="start one with `tidegate up`, or add --aws for an account",
        )
    if options.is_named and cloud.prefix != (asked := prefix_of(options.pipeline, options.environment)):
        raise CommandError(
            f"`{asked}` does not run on this machine",
            cause=f"{cloud.prefix} does, at {cloud.url}",
            hint="leave out --pipeline and --env to act on that one",
        )
    return on_this_machine(cloud)


def prefix_of(pipeline: Path, environment: str) -> str:
    """The name before everything of a pipeline, without reading the rest of its configuration."""
    file = pipeline / "pipeline.toml"
    try:
        name = tomllib.loads(file.read_text(encoding="utf-8"))["pipeline"]["name"]
    except OSError as cause:
        raise CommandError(
            f"`{pipeline}` is not a pipeline",
            cause="it holds no pipeline.toml",
            hint="name a folder with --pipeline, e.g. examples/flights",
        ) from cause
    except (KeyError, TypeError) as cause:
        raise CommandError(f"`{file}` has no name", hint='write name = "..." under [pipeline]') from cause
    except ValueError as cause:
        raise CommandError(f"`{file}` is not TOML", cause=str(cause)) from cause
    return f"{name}-{environment}"
