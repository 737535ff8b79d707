"""`tidegate doctor`: what this machine, or an account, lacks; each with its fix."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from tidegate_cli.assembly import CHECKOUT, node
from tidegate_cli.main import Options
from tidegate_cli.place import Place, current

OLDEST_NODE = 20
SUPPORTED_NODE = 22
FREE_GIGABYTES = 3


@dataclass(frozen=True)
class Finding:
    check: str
    ok: bool
    found: str
    fix: str = ""


@click.command("doctor")
@click.pass_obj
def command(options: Options) -> None:
    """Check this machine, or an account with --aws, and say how to mend what is wrong

    Example: tidegate doctor
    """
    findings = list(_machine()) + list(_pipeline(options))
    if options.aws is not None:
        findings += _account(current(options))
    sound = all(finding.ok for finding in findings)
    if options.as_json:
        click.echo(json.dumps({"ok": sound, "checks": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            mark = click.style("ok  ", fg="green") if finding.ok else click.style("MEND", fg="red")
            fix = f"   {finding.fix}" if finding.fix else ""
            click.echo(f"{mark} {finding.check:<10} {finding.found}{fix}")
    raise SystemExit(0 if sound else 1)


def _machine() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(
        "python", sys.version_info >= (3, 11), version, "" if sys.version_info >= (3, 11) else "3.11 or newer"
    )
    yield _node()
    uv = shutil.which("uv")
    if uv is None:
        yield Finding(
            "uv", ok=False, found="not on PATH", fix="pip install uv (packages the functions for AWS)"
        )
    else:
        checked = subprocess.run(
            [uv, "lock", "--check", "--offline"], cwd=CHECKOUT, capture_output=True, check=False
        )
        in_step = checked.returncode == 0
        yield Finding("lock", in_step, "in step" if in_step else "not in step", "" if in_step else "uv lock")
    free = shutil.disk_usage(CHECKOUT).free / 1e9
    yield Finding(
        "disk", free > FREE_GIGABYTES, f"{free:.0f} GB free", "" if free > FREE_GIGABYTES else "3 GB are used"
    )


def _node() -> Finding:
    path = node()
    if path is None:
        return Finding("node", ok=False, found="none", fix="install Node 22 or 24, or: uv sync --group node")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = int(version.lstrip("v").split(".")[0] or 0)
    fix = "" if major >= SUPPORTED_NODE else "end of life; install 22 or 24"
    return Finding("node", major >= OLDEST_NODE, version, fix)


def _pipeline(options: Options) -> Iterator[Finding]:
    from tidegate.errors import ConfigError
    from tidegate.settings.config import PipelineConfig

    try:
        config = PipelineConfig.from_toml(options.pipeline / "pipeline.toml", options.environment)
    except ConfigError as error:
        yield Finding("pipeline", ok=False, found=error.what, fix=error.cause or error.hint)
    else:
        yield Finding("pipeline", ok=True, found=f"{config.prefix} ({options.pipeline})")


def _account(place: Place) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        identity = place.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        yield Finding("identity", ok=False, found=str(error), fix="aws sso login, or set credentials")
        return
    yield Finding("identity", ok=True, found=identity["Arn"])
    try:
        parameter = place.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        yield Finding("bootstrap", ok=True, found=f"version {parameter['Parameter']['Value']}")
    except ClientError:
        yield Finding("bootstrap", ok=False, found="not done in this region", fix="npx cdk bootstrap")
    deployed = _deployed(place)
    yield Finding(
        "stacks",
        ok=deployed,
        found="deployed" if deployed else "not deployed",
        fix="" if deployed else "npx cdk deploy --all",
    )


def _deployed(place: Place) -> bool:
    from tidegate_cli.failure import CommandError

    try:
        return bool(place.outputs)
    except CommandError:
        return False
