"""A page in a file: written where it was asked for, and shown in this machine's browser if it has one."""

import tempfile
import webbrowser
from pathlib import Path

from tidegate_cli.failure import CommandError


def written(output: Path | None, name: str, content: bytes) -> Path:
    """The page's absolute path: `output`, or a file called `name` among the temporary ones.

    Raises:
        CommandError: it cannot be written there.
    """
    path = output or Path(tempfile.gettempdir()) / name
    save(path, content)
    return path.resolve()


def save(path: Path, content: bytes) -> None:
    """Write a file that was asked for.

    Raises:
        CommandError: it cannot be written there.
    """
    try:
        path.write_bytes(content)
    except OSError as cause:
        raise CommandError(
            f"`{path}` cannot be written",
            cause=cause.strerror or str(cause),
            hint="name another file with -o",
        ) from cause


def show(path: Path) -> None:
    """Open the page; without a browser nothing happens, for its path is told anyway."""
    webbrowser.open(path.as_uri())
