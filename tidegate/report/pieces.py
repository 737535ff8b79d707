"""Pieces of HTML: text made safe, tables, lists. Every value of a drop enters the page through `text`.

End tags of table cells and rows are left out, as HTML allows: a page of 200 columns has eight thousand.
Values are shown and never offered as CSV, so none is a formula by itself; none becomes markup, an attribute,
an address or a script.
"""

import html
import re
from collections.abc import Iterable, Sequence

from tidegate.report.visible import visible

_PLAIN = re.compile(r"[\w .,%~-]{0,100}", re.ASCII)  # most cells: nothing in them needs care
_QUOTED = re.compile(r"`([^`]*)`")


def text(value: object) -> str:
    """Any value as text of the page."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return html.escape(visible(value), quote=True)


def sentence(message: str) -> str:
    """A message whose `names` are set as code."""
    return _QUOTED.sub(r"<code>\1</code>", html.escape(visible(message, 600)))


def table(name: str, heads: Sequence[str], rows: Iterable[str], *, tools: str = "") -> str:
    """A table in a box of its own that scrolls sideways; `rows` begin with <tr>.

    Args:
        name: what a reader of the screen hears of it.
        heads: texts of the header; one that begins with `#` stands over numbers.
        rows: the body.
        tools: `filter` where the script may offer a filter and sorting.
    """
    cells = "".join(
        f"<th scope=col{' class=n' if head.startswith('#') else ''}>{text(head.removeprefix('#'))}"
        for head in heads
    )
    kind = f" data-tools={tools}" if tools else ""
    return (
        f'<div class=box tabindex=0 role=region aria-label="{text(name)}"><table{kind}>'
        f"<thead><tr>{cells}<tbody>{''.join(rows)}</table></div>"
    )


def cells(values: Iterable[str]) -> str:
    """Table cells of texts."""
    return "".join(f"<td>{text(value)}" for value in values)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    listed = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in pairs)
    return f"<dl>{listed}</dl>"
