"""`tidegate predict`: one request to the live model."""

import json
from typing import IO, Any

import click

from tidegate_cli.api import Api
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import current

FAILED = 500  # HTTP's family of "it is not you"
_SHAPE = 'a request is one object with the request columns, or {"instances": [...]} of several'


@click.command("predict")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.pass_obj
def command(options: Options, file: IO[str]) -> None:
    """Ask the live model about the request in FILE (JSON; - reads stdin)

    Example: tidegate predict examples/flights/one.json
    """
    try:
        request = json.load(file)
    except ValueError as cause:
        raise CommandError(f"`{file.name}` is not JSON", cause=str(cause), hint=_SHAPE) from cause
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    answer = Api(place).predict(request)
    if not answer.ok:
        error = answer.body.get("error", {})
        raise CommandError(
            error.get("what") or f"the API answered {answer.status}",
            cause=error.get("cause") or _fields(error) or answer.body.get("message", ""),
            hint=error.get("hint")
            or ("tidegate status shows what serves" if answer.status >= FAILED else _SHAPE),
        )
    if options.as_json:
        click.echo(json.dumps({"ok": True, **answer.body}))
        return
    by = answer.body["variant"] or f"degraded, not the endpoint's own: {answer.body['degraded']}"
    for prediction in answer.body["predictions"]:
        click.echo(
            f"{_shown(prediction)}  version {answer.body['model_version']}  "
            f"{by}  inference {answer.body['inference_id']}"
        )


def _shown(answer: dict[str, Any]) -> str:
    """A probability, a number, or the class with its probability."""
    if "label" in answer:
        return f"{answer['label']} {answer['probabilities'][answer['label']]:.4f}"
    return f"{answer['probability']:.4f}" if "probability" in answer else f"{answer['value']:.6g}"


def _fields(error: dict[str, Any]) -> str:
    return "; ".join(f"`{field['field']}` {field['message']}" for field in error.get("fields", []))
