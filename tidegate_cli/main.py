"""The command `tidegate`: what can be typed, and nothing that costs time before it is.

Results go to stdout, narration to stderr. Exit 0 yes, 1 it ran and the answer is no, 2 it could not run.
"""

import atexit
import errno
import functools
import gc
import importlib
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from tidegate_cli.failure import CommandError

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
_RIGHTS = "it writes to `.tidegate` of its checkout, and where -o says; look at their owners and rights"
INTERRUPTED = 130  # as shells report it: 128 and the signal's number

# imports and botocore's models are some 300,000 objects that stay: looking for garbage among them again and
# again was a quarter of the time of a short verb
COLLECT_AFTER = 1_000_000

VERBS = {
    "Try it": {
        "demo": "Run the whole story on real flights: train, serve, canary, drift, retrain",
        "up": "Start the pipeline on this machine, or update the one that runs",
        "clock": "Let hours or days pass for the pipeline on this machine",
    },
    "Work": {
        "contract": "Write, check and compare data contracts",
        "drop": "Deliver a file and follow it through the pipeline",
        "drops": "List the drops, show the report of one, or accept one that was quarantined",
        "predict": "Ask the live model",
        "data": "List, compare and read the versions of a dataset",
        "features": "List and compare feature versions, compute the past, check a value",
        "train": "Train a model now and follow it to its endpoint",
        "models": "List and compare model versions, approve or reject one",
        "replay": "Train a model again from its record alone and compare the bytes",
        "monitor": "List the windows of watched traffic, show what one found",
        "why": "Show what made a prediction, back to its rows",
        "impact": "Show what the rows of a drop or an entity became",
        "ui": "Show the training runs in MLflow's own page",
        "status": "Show what is live: data, model, traffic, alarms",
        "incidents": "List what happened and what came of it, retraining too",
    },
    "Mend": {
        "logs": "Print what a stage said",
        "rollout": "Show the rollout of a candidate, hold it, approve it or take it back",
        "runs": "Write the training runs that wait to MLflow",
        "rollback": "Return all traffic to the previous model",
        "doctor": "Check this machine, or an account with --aws",
        "coverage": "List every resource of the templates: executed, emulated or inert here",
    },
}
GROUPS = (
    "contract",
    "drops",
    "data",
    "features",
    "models",
    "monitor",
    "incidents",
    "runs",
    "rollout",
)  # take a verb of their own


@dataclass(frozen=True)
class Options:
    """What was typed before the verb."""

    aws: str | None  # a profile name; "" for the default profile; None for this machine
    as_json: bool
    quiet: bool
    pipeline: Path
    environment: str
    is_named: bool  # whether --pipeline or --env was typed, so that another one must not be meant


class Group(click.Group):
    """Answers a misspelt verb with the one that was meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        verb, verbs = args[0], self.list_commands(ctx)
        if verb not in verbs and not verb.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            close = get_close_matches(verb, verbs, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"{ctx.command_path} --help lists the verbs"
            typed = " ".join([*ctx.command_path.split()[1:], verb])
            raise CommandError(f"there is no verb `{typed}`", hint=hint)
        return super().resolve_command(ctx, args)


class Verbs(Group):
    """Loads a verb's module when the verb is typed: boto3 alone costs more than the help may."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for group in VERBS.values() for verb in group]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"tidegate_cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, verbs in VERBS.items():
            with formatter.section(title):
                formatter.write_dl(list(verbs.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write("\nTo deploy: npx cdk deploy     Documentation: docs/index.md\n")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--json`, `--quiet`, `--aws`, `--pipeline` and `--env` may stand after the verb too.

        The word after `--aws` is a profile, unless it is a verb or a file, which no profile is called.
        """
        head, rest, words = [], [], list(args)
        while words:
            word = words.pop(0)
            if word == "--aws":
                needs_verb = bool(rest) and rest[-1] in GROUPS
                named = words and not needs_verb and self._is_profile(ctx, words[0])
                head.append(f"--aws={words.pop(0) if named else ''}")
            elif word in ("--pipeline", "--env") and words:
                head.append(f"{word}={words.pop(0)}")
            elif word in ("--json", "-q", "--quiet") or word.startswith(("--aws=", "--pipeline=", "--env=")):
                head.append(word)
            else:
                rest.append(word)
        return super().parse_args(ctx, head + rest)

    def _is_profile(self, ctx: click.Context, word: str) -> bool:
        return not (word.startswith("-") or word in self.list_commands(ctx) or Path(word).is_file())

    def main(self, args: Sequence[str] | None = None, **options: Any) -> Any:
        """Run a verb; whatever goes wrong is `error / cause / hint`, as JSON too when that was asked for."""
        words = list(sys.argv[1:] if args is None else args)
        if args is None:  # a process of its own
            gc.set_threshold(COLLECT_AFTER)
            atexit.register(gc.freeze)  # nor when it ends: the system takes back what is left
        fail = functools.partial(_fail, as_json="--json" in words)
        _end_in_order()
        try:
            sys.exit(super().main(words, "tidegate", **options | {"standalone_mode": False}))
        except CommandError as error:
            fail(error)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "tidegate"
            # the choices of an argument come on lines of their own
            fail(CommandError(" ".join(error.format_message().split()), hint=f"{command} --help"))
        except (click.Abort, KeyboardInterrupt):
            click.echo("", err=True)
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.errno not in _UNWRITABLE or not error.filename:
                raise
            fail(CommandError(f"`{error.filename}` cannot be used", cause=error.strerror or "", hint=_RIGHTS))
        except Exception as error:
            if not type(error).__module__.startswith("botocore"):
                raise  # a fault of ours: its trace is what helps
            fail(CommandError("a call of AWS's API failed", cause=str(error)))


def _end_in_order() -> None:
    """End by an exception when told to, be it by a terminal that closes: what was started is ended then."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP on purpose
            signal.signal(number, lambda got, _: sys.exit(128 + got))


def _fail(error: CommandError, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps(error.to_json()))
    else:
        error.show()
    sys.exit(error.exit_code)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="COMMAND",
)
@click.option("--aws", metavar="[PROFILE]", help="Act on the deployed stacks instead of this machine")
@click.option("--json", "as_json", is_flag=True, help="Print results as one JSON object")
@click.option("-q", "--quiet", is_flag=True, help="Print results only")
@click.option(
    "--pipeline",
    type=click.Path(path_type=Path),
    default=Path("examples/flights"),
    show_default=True,
    help="Folder with pipeline.toml",
)
@click.option("--env", "environment", default="dev", show_default=True, help="Environment of pipeline.toml")
@click.version_option(package_name="tidegate", message="%(version)s")
@click.pass_context
def main(ctx: click.Context, **options: Any) -> None:
    """From a data drop to a guarded, watched model, in AWS or on this machine"""
    typed = [ctx.get_parameter_source(name) for name in ("pipeline", "environment")]
    is_named = any(source is not ParameterSource.DEFAULT for source in typed)
    ctx.obj = Options(**options, is_named=is_named)


if __name__ == "__main__":
    main()
