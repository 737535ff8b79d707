"""What a Dockerfile says about running its image: entry point, command, environment, working directory.

Pure. Only the exec form of ENTRYPOINT and CMD is read, because a shell of the image is not here. What RUN and
COPY would do is not done. Grammar: docs.docker.com/reference/dockerfile.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_ROOT = PurePosixPath("/")
_HEREDOC = re.compile(r"<<-?\s*([\"']?)(\w+)\1")
_VARIABLE = re.compile(
    r"\\(?P<escaped>\$)|\$(?:\{(?P<braced>\w+)(?::(?P<how>[-+])(?P<other>[^}]*))?\}|(?P<bare>\w+))"
)


class DockerfileError(ValueError):
    """The Dockerfile does not say, in a form that can be read here, how its image runs."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How a container of one stage runs."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    workdir: PurePosixPath = _ROOT


@dataclass
class _Stage:
    name: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    command_is_own: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    workdir: PurePosixPath = _ROOT
    arguments: dict[str, str] = field(default_factory=dict)


def parse(text: str, *, target: str = "", arguments: Mapping[str, str] | None = None) -> Runtime:
    """Read the last stage, or the one named `target`; `arguments` are those of the build (--build-arg).

    Raises:
        DockerfileError: no such stage, or an instruction in shell form.
    """
    given = dict(arguments or {})
    before_stages: dict[str, str] = {}
    stages: list[_Stage] = []
    for keyword, rest in _instructions(text):
        if keyword == "FROM":
            stages.append(_begin(rest, stages, before_stages))
        elif keyword == "ARG":
            _argue(rest, stages[-1].arguments if stages else before_stages, given, before_stages)
        elif stages:
            _obey(stages[-1], keyword, rest)
    wanted = [stage for stage in stages if not target or stage.name == target.lower()]
    if not wanted:
        raise DockerfileError(f"there is no stage named {target}" if target else "there is no FROM")
    stage = wanted[-1]
    return Runtime(
        entrypoint=stage.entrypoint,
        command=stage.command,
        environment=stage.environment,
        workdir=stage.workdir,
    )


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """(KEYWORD, rest): continued lines joined, comments and here-documents left out."""
    lines = iter(text.splitlines())
    pending = ""
    for line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        pending += stripped
        if pending.endswith("\\"):
            pending = pending[:-1]
            continue
        keyword, _, rest = pending.partition(" ")
        pending = ""
        yield keyword.upper(), rest.strip()
        for _, end in _HEREDOC.findall(rest) if keyword.upper() in {"RUN", "COPY", "ADD"} else ():
            for body in lines:
                if body.strip() == end:
                    break


def _begin(rest: str, stages: list[_Stage], arguments: Mapping[str, str]) -> _Stage:
    words = [_expand(word, arguments) for word in rest.split() if not word.startswith("--")]
    if not words:
        raise DockerfileError("FROM names no image")
    named = len(words) > 2 and words[1].upper() == "AS"  # noqa: PLR2004  FROM image AS name
    name = words[2].lower() if named else str(len(stages))
    for base in stages:
        if base.name == words[0].lower():
            return _Stage(name, base.entrypoint, base.command, False, dict(base.environment), base.workdir)
    return _Stage(name)


def _argue(
    rest: str, scope: dict[str, str], given: Mapping[str, str], before_stages: Mapping[str, str]
) -> None:
    for word in shlex.split(rest):
        name, has_default, default = word.partition("=")
        if name in given:
            scope[name] = given[name]
        elif has_default:
            scope[name] = _expand(default, {**before_stages, **scope})
        elif name in before_stages:
            scope[name] = before_stages[name]


def _obey(stage: _Stage, keyword: str, rest: str) -> None:
    match keyword:
        case "ENTRYPOINT":
            stage.entrypoint = _exec_form(keyword, rest)
            if not stage.command_is_own:  # docker build forgets an inherited CMD
                stage.command = ()
        case "CMD":
            stage.command = _exec_form(keyword, rest)
            stage.command_is_own = True
        case "ENV":
            # all values of one ENV see the environment as it was before it
            scope = {**stage.arguments, **stage.environment}
            stage.environment |= {name: _expand(value, scope) for name, value in _pairs(rest)}
        case "WORKDIR":
            scope = {**stage.arguments, **stage.environment}
            stage.workdir = stage.workdir / _expand(" ".join(shlex.split(rest)), scope)


def _exec_form(keyword: str, rest: str) -> tuple[str, ...]:
    try:
        words = json.loads(rest)
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DockerfileError(f'{keyword} {rest} is in shell form; write {keyword} ["program", "argument"]')
    return tuple(words)


def _pairs(rest: str) -> list[tuple[str, str]]:
    """`A=1 B="two words"`, or the old `A two words`."""
    first, _, remainder = rest.partition(" ")
    if "=" not in first:
        return [(first, remainder.strip())]
    pairs = [word.partition("=") for word in shlex.split(rest.replace("\\$", "\\\\$"))]
    return [(name, value) for name, equals, value in pairs if equals]


def _expand(value: str, scope: Mapping[str, str]) -> str:
    """`$A`, `${A}`, `${A:-default}`, `${A:+instead}`; a variable that is not known is empty."""

    def fill(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        known = scope.get(found["braced"] or found["bare"], "")
        if found["how"] == "-":
            return known or found["other"]
        if found["how"] == "+":
            return found["other"] if known else ""
        return known

    return _VARIABLE.sub(fill, value)
