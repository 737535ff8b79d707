"""What a person reads while it happens: one line a state, fixed columns, on stderr."""

import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import click

_COLOURS = {"ok": "green", "ALARM": "red", "failed": "red", "quarantine": "yellow", "rejected": "yellow"}


@dataclass(frozen=True)
class Line:
    """One state that ended: where, which, how, how long, and the one number that matters."""

    stage: str
    state: str
    verdict: str
    seconds: float
    number: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"seconds": round(self.seconds, 3)}


class Narrator:
    """Writes to stderr unless told to be quiet; keeps every line for the result."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.lines: list[Line] = []
        self.began = time.monotonic()

    def say(self, topic: str, text: str) -> None:
        if not self.quiet:
            click.echo(f"{topic:<9} {text}", err=True)

    def tell(self, line: Line) -> None:
        self.lines.append(line)
        if self.quiet:
            return
        verdict = click.style(f"{line.verdict:<10}", fg=_COLOURS.get(line.verdict))
        text = f"  {line.stage:<11} {line.state:<22} {verdict} {line.seconds:6.1f} s   {line.number}"
        click.echo(text.rstrip(), err=True)

    def waiting(self, text: str) -> None:
        """Redrawn in place on a terminal, silent elsewhere."""
        if not self.quiet and sys.stderr.isatty():
            click.echo(f"\r\033[K  {text}\r", nl=False, err=True)

    def elapsed(self) -> float:
        return time.monotonic() - self.began
