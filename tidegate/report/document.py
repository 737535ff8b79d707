"""What surrounds every page: one document, its banner, its sections, and a policy that lets nothing load.

Nothing runs but the style and the script in it, named by their digests; so even markup that slipped through
could do nothing.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from tidegate.report.pieces import text

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8").strip()
TICK, CROSS = "M6 17l7 7L27 9", "M9 9l14 14M23 9L9 23M16 1a15 15 0 1 0 .1 0z"
SIGN = "M16 4L30 29H2zM16 13v8M16 25v.1"

Section = tuple[str, str, str]  # its anchor, its name, its content


def document(
    title: str,
    *,
    banner: str,
    lead: str,
    sections: Sequence[Section],
    footer: str,
    style: str = STYLE,
    script: str = "",
) -> str:
    """The whole page.

    Args:
        title: of the browser's tab, as text.
        banner: see `banner`.
        lead: markup before the first section.
        sections: whose contents are markup.
        footer: markup.
    """
    scripts = f"; script-src {digest(script)}" if script else ""
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {digest(style)}{scripts}"
    )
    links = "".join(f'<a href="#{anchor}">{text(name)}</a>' for anchor, name, _ in sections)
    body = "".join(
        f"<section id={anchor}><h2>{text(name)}</h2>{content}</section>" for anchor, name, content in sections
    )
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f'<meta http-equiv=Content-Security-Policy content="{policy}">'
        f'<title>{text(title)}</title><link rel=icon href="data:,"><style>{style}</style></head><body>'
        f"{banner}<nav aria-label=Sections>{links}</nav><main>{lead}{body}</main>"
        f"<footer>{footer}</footer>{f'<script>{script}</script>' if script else ''}</body></html>"
    )


def banner(kind: str, path: str, title: str, *paragraphs: str) -> str:
    """The verdict at the top.

    Args:
        kind: accept, warn or quarantine, which are its colours.
        path: of its sign.
        title: markup, as the paragraphs are.
    """
    said = "".join(f"<p>{each}</p>" for each in paragraphs if each)
    return (
        f'<header class="banner {kind}"><svg viewBox="0 0 32 32" aria-hidden=true><path d="{path}"/></svg>'
        f"<div><h1>{title}</h1>{said}</div></header>"
    )


def digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
