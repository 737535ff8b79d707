"""`tidegate why`: one prediction, back to the rows it was made of."""

import click

from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import current
from tidegate_cli.tables import dumps


@click.command("why")
@click.argument("inference_id", metavar="INFERENCE_ID")
@click.option(
    "--instance",
    "position",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Which of a request with several, from 0",
)
@click.pass_obj
def command(options: Options, inference_id: str, position: int) -> None:
    """Show what made a prediction: features, model, looked-up values, training data, drops

    INFERENCE_ID is what `predict` answered with. Contributions are exact where the model is compiled (path of
    its trees, terms of its line); else each member is replaced by what is usual, and that is said.

    Example: tidegate why 0e88ba5d-870c-441c-969b-664271596c87
    """
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    from tidegate_cli.origins.why import why  # pyarrow, once it is known that something runs
    from tidegate_cli.origins.why_words import of_why

    told = why(place, inference_id, position)
    if options.as_json:
        click.echo(dumps({"ok": True, **told}))
        return
    for line in of_why(told):
        click.echo(line)
