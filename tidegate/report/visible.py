"""Text as a reader may see it: cut to a length, and nothing in it that hides. Standard library alone."""

import re

_SHOWN = 120  # characters of a name or value
_UNSEEN = re.compile(  # what would hide or turn the text beside it: controls, bidi marks, half characters
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: object, limit: int = _SHOWN) -> str:
    """`text` cut to `limit` characters; what has no shape of its own is written as its code."""
    cut = str(text)
    cut = cut if len(cut) <= limit else f"{cut[: limit - 1]}…"
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", cut)
