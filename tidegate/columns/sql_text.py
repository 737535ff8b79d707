"""SQL as one line: comments and white space gone, texts as they were."""

import re

_TOKENS = re.compile(
    r"""
    (?P<kept>
        [eE]'(?:[^'\\]|\\.|'')*'          # escapes allowed
      | '(?:[^']|'')*'
      | "(?:[^"]|"")*"
      | (?P<dollar>\$\w*\$).*?(?P=dollar)
    )
    | (?P<space>\s+ | --[^\n]* | /\*.*?\*/)
    """,
    re.VERBOSE | re.DOTALL,
)


def one_line(sql: str) -> str:
    """The same statement without comments, line ends and a last semicolon, for use inside of another one."""
    spaced = _TOKENS.sub(lambda found: found["kept"] or " ", sql)
    text = _TOKENS.sub(lambda found: found["kept"] or " ", spaced).strip()
    return text.rstrip("; ")
