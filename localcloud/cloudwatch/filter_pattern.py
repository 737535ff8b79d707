"""Filter patterns of metric filters: terms, and conditions on the members of a JSON line.

Source: CloudWatch Logs User Guide, "Filter pattern syntax". Understood: `ERROR "exact phrase" -not`,
`?any ?of`, `{ $.level = "ERROR" && ($.status >= 500 || $.cause IS NULL) }` with wildcards in strings.
Regular expressions (%...%) and space-delimited patterns ([ip, user, ...]) are refused.
"""

import fnmatch
import json
import operator
import re
from collections.abc import Callable
from typing import Any

Matcher = Callable[[str], bool]

_TERM = re.compile(r'\s*(?P<sign>[-?]?)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"[^"]*")|(?P<symbol>&&|\|\||!=|>=|<=|[=<>()])'
    r'|(?P<path>\$[^\s=<>!()&|]*)|(?P<word>[^\s=<>!()&|"]+))'
)
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ABSENT = object()


class PatternError(ValueError):
    """The pattern is none, or of a kind this cloud does not match."""


def compile_pattern(pattern: str) -> Matcher:
    """A function that tells whether a log line matches.

    Raises:
        PatternError: naming the pattern.
    """
    text = pattern.strip()
    if text.startswith("[") or re.search(r"%.+%", text):
        raise PatternError(f"the local cloud does not match space-delimited or %regular% patterns: {pattern}")
    if text.startswith("{") and text.endswith("}"):
        condition = _Parser(text[1:-1], pattern).whole()
        return lambda line: (document := _parsed(line)) is not None and condition(document)
    return _terms(text, pattern)


def member(document: Any, path: str) -> Any:
    """The value at `$.a.b[0]`, or None."""
    found = _at(document, path)
    return None if found is _ABSENT else found


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _terms(text: str, pattern: str) -> Matcher:
    wanted: dict[str, list[str]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            raise PatternError(f"not a filter pattern: {pattern}")
        wanted[match["sign"]].append(match["word"] if match["phrase"] is None else match["phrase"])
        at = match.end()

    def matches(line: str) -> bool:
        return (
            all(term in line for term in wanted[""])
            and not any(term in line for term in wanted["-"])
            and (not wanted["?"] or any(term in line for term in wanted["?"]))
        )

    return matches


def _at(document: Any, path: str) -> Any:
    for key, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if key and isinstance(document, dict) and key in document:
            document = document[key]
        elif index and isinstance(document, list) and int(index) < len(document):
            document = document[int(index)]
        else:
            return _ABSENT
    return document


class _Parser:
    """or, and, then one comparison or a parenthesis."""

    def __init__(self, text: str, pattern: str) -> None:
        self.pattern = pattern
        self.tokens: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None:
                raise PatternError(f"not a filter pattern: {pattern}")
            self.tokens.append(match[match.lastgroup or 0])
            at = match.end()

    def whole(self) -> Callable[[Any], bool]:
        condition = self._either()
        if self.tokens:
            raise PatternError(f"unexpected {self.tokens[0]} in filter pattern: {self.pattern}")
        return condition

    def _either(self) -> Callable[[Any], bool]:
        options = [self._both()]
        while self._take("||"):
            options.append(self._both())
        return lambda document: any(option(document) for option in options)

    def _both(self) -> Callable[[Any], bool]:
        parts = [self._one()]
        while self._take("&&"):
            parts.append(self._one())
        return lambda document: all(part(document) for part in parts)

    def _one(self) -> Callable[[Any], bool]:
        if self._take("("):
            condition = self._either()
            if not self._take(")"):
                raise PatternError(f"`)` is missing in filter pattern: {self.pattern}")
            return condition
        path, symbol = self._next(), self._next().upper()
        if not path.startswith("$"):
            raise PatternError(f"{path} is not a member ($.name) in filter pattern: {self.pattern}")
        if symbol == "NOT" and self._next().upper() == "EXISTS":
            return lambda document: _at(document, path) is _ABSENT
        if symbol == "IS":
            wanted = {"NULL": None, "TRUE": True, "FALSE": False}.get(self._next().upper(), _ABSENT)
            if wanted is not _ABSENT:
                return lambda document: _at(document, path) is wanted
        if symbol in ("=", "!=", *_ORDER):
            return _comparison(path, symbol, self._next(), self.pattern)
        raise PatternError(f"{symbol} is not a comparison in filter pattern: {self.pattern}")

    def _take(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False

    def _next(self) -> str:
        if not self.tokens:
            raise PatternError(f"the filter pattern ends too early: {self.pattern}")
        return self.tokens.pop(0)


def _comparison(path: str, symbol: str, text: str, pattern: str) -> Callable[[Any], bool]:
    number = _number(text)
    if symbol in _ORDER:
        if number is None:
            raise PatternError(f"{symbol} compares numbers, not {text}, in filter pattern: {pattern}")
        return lambda document: (
            isinstance(found := _at(document, path), (int, float)) and _ORDER[symbol](found, number)
        )

    def equal(found: Any) -> bool:
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return number is not None and found == number
        return isinstance(found, str) and fnmatch.fnmatchcase(found, text.strip('"').replace("[", "[[]"))

    if symbol == "=":
        return lambda document: equal(_at(document, path))
    return lambda document: (found := _at(document, path)) is not _ABSENT and not equal(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
