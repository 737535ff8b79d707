"""Which route of an HTTP API a request takes; pure.

The most specific route wins: literal segments before {parameters} before {greedy+}, then a named method
before ANY, and $default last (AWS: "Working with routes for HTTP APIs").
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

DEFAULT = "$default"


@dataclass(frozen=True, slots=True)
class Match:
    """A route that fits, and what its path parameters are."""

    route_key: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Pattern:
    method: str
    path: re.Pattern[str]
    rank: tuple[int, ...]  # by segment: 0 literal, 1 parameter, 2 greedy; then 0 named method, 1 ANY


def match(route_keys: Iterable[str], method: str, path: str) -> Match | None:
    """`path` as it came, still percent-encoded, without the stage."""
    fitting = []
    default = None
    for key in route_keys:
        if key == DEFAULT:
            default = Match(DEFAULT, {})
            continue
        pattern = _pattern(key)
        if pattern.method in {method, "ANY"} and (found := pattern.path.fullmatch(path.rstrip("/") or "/")):
            parameters = {name: unquote(value) for name, value in found.groupdict().items()}
            fitting.append((pattern.rank, Match(key, parameters)))
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else default


@functools.cache
def _pattern(route_key: str) -> _Pattern:
    method, _, path = route_key.partition(" ")
    source, rank = "", []
    for segment in path.strip("/").split("/"):
        if segment.startswith("{") and segment.endswith("+}"):
            source, kind = f"{source}/(?P<{segment[1:-2]}>.+)", 2
        elif segment.startswith("{") and segment.endswith("}"):
            source, kind = f"{source}/(?P<{segment[1:-1]}>[^/]+)", 1
        else:
            source, kind = f"{source}/{re.escape(segment)}", 0
        rank.append(kind)
    return _Pattern(method, re.compile(source), (*rank, int(method == "ANY")))
