"""How a command says that it could not run: `error / cause / hint` on stderr, exit code 2."""

from typing import IO, Any

import click

from tidegate.errors import told


class CommandError(click.ClickException):
    """Could not run, with what, why and what to do; as JSON too when `--json` was given."""

    exit_code = 2

    def __init__(self, what: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.cause = cause
        self.hint = hint

    @classmethod
    def of(cls, error: Exception) -> "CommandError":
        """The same three lines for an error of the product, which carries them already."""
        what, cause, hint = (getattr(error, name, "") for name in ("what", "cause", "hint"))
        return cls(what or str(error), cause=cause, hint=hint)

    def format_message(self) -> str:
        return told(self.message, self.cause, self.hint)

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"error: {self.format_message()}", err=True)

    def to_json(self) -> dict[str, Any]:
        return {"ok": False, "error": {"what": self.message, "cause": self.cause, "hint": self.hint}}
