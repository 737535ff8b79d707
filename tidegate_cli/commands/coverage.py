"""`tidegate coverage`: how much of the templates really runs on this machine."""

import subprocess
import sys

import click

from tidegate_cli.assembly import CHECKOUT, synthesize
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options


@click.command("coverage")
@click.pass_obj
def command(options: Options) -> None:
    """List every resource of the templates as executed, emulated or inert on this machine

    Example: tidegate coverage --json
    """
    assembly = synthesize(options.pipeline, options.environment)
    argv = [sys.executable, "-m", "localcloud", "coverage", "--assembly", str(assembly.folder)]
    done = subprocess.run(
        argv + ["--json"] * options.as_json, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode > 1:
        raise CommandError("the templates could not be read", cause=str(assembly.folder))
    click.echo(done.stdout, nl=False)
    raise SystemExit(done.returncode)
