"""TOML and JSON into frozen dataclasses, every mistake named at once with its dotted key and line.

The dataclasses say what is allowed: their types, their defaults, and `minimum` and `maximum` in a field's
metadata.
"""

import dataclasses
import difflib
import re
import types
import typing
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

Problem = tuple[str, str]  # dotted key, sentence


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both_tables else value
    return merged


def build(cls: type, data: Mapping[str, Any], where: str, problems: list[Problem]) -> Any:
    """An instance of a section, or None after adding to `problems` (dotted key, sentence)."""
    before = len(problems)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{where}.{key}".lstrip(".")
        if key not in fields:
            near = difflib.get_close_matches(key, fields, 1)
            problems.append(
                (path, f"unknown key `{path}`" + (f", did you mean `{near[0]}`?" if near else ""))
            )
        elif value is not None or not _optional(hints[key]):
            values[key] = _value(hints[key], value, path, fields[key].metadata, problems)
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in data:
            problems.append((where, f"`{f'{where}.{name}'.lstrip('.')}` is missing"))
    return cls(**values) if len(problems) == before else None


def _optional(hint: Any) -> bool:
    return typing.get_origin(hint) is types.UnionType and type(None) in typing.get_args(hint)


def _value(hint: Any, value: Any, path: str, limits: Mapping[str, Any], problems: list[Problem]) -> Any:
    if _optional(hint):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        hint = str if isinstance(value, str) and str in options else options[0]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Literal, types.UnionType):
        return _one_of(origin is Literal, arguments, value, path, problems)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            problems.append((path, f"`{path}` must be a list"))
            return ()
        return tuple(_value(arguments[0], v, f"{path}.{i}", limits, problems) for i, v in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        if arguments[1] is Any:
            return dict(value)
        return {k: _value(arguments[1], v, f"{path}.{k}", {}, problems) for k, v in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return build(typing.cast("type", hint), value, path, problems)
    accepted: tuple[type, ...] = (int, float) if hint is float else (hint,)
    if not (isinstance(hint, type) and isinstance(value, accepted)) or (
        isinstance(value, bool) and hint is not bool
    ):
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        problems.append((path, f"`{path}` is {value!r}, must be {names.get(hint, 'a table')}"))
        return value
    _check_limits(value, path, limits, problems)
    return value


def _one_of(literal: bool, arguments: tuple[Any, ...], value: Any, path: str, problems: list[Problem]) -> Any:
    """A value of those listed, or of one of the scalar types listed."""
    if literal and value not in arguments:
        problems.append((path, f"`{path}` is {value!r}, must be one of {', '.join(arguments)}"))
    if not literal and not isinstance(value, arguments):
        problems.append((path, f"`{path}` is {value!r}, must be text, a number, true or false"))
    return value


def _check_limits(value: Any, path: str, limits: Mapping[str, Any], problems: list[Problem]) -> None:
    low, high = limits.get("minimum"), limits.get("maximum")
    if low is not None and value < low:
        problems.append((path, f"`{path}` is {value}, must be at least {low}"))
    if high is not None and value > high:
        problems.append((path, f"`{path}` is {value}, must be at most {high}"))


class Lines:
    """Where a dotted key stands in the text; the line of its table when the key itself is not there."""

    def __init__(self, text: str, environment: str) -> None:
        self.found: dict[str, int] = {}
        table, members = "", Counter[str]()
        for number, line in enumerate(text.splitlines(), 1):
            if header := re.match(r"\s*\[+([^\]]+)\]+", line):
                table = header[1].strip().removeprefix(f"environments.{environment}").strip(".")
                if line.lstrip().startswith("[["):  # an array's tables are told apart by their number
                    table, name = f"{table}.{members[header[1]]}", header[1]
                    members[name] += 1
                self.found[table] = number
            elif key := re.match(r"\s*([\w.-]+)\s*=", line):
                self.found[f"{table}.{key[1]}".lstrip(".")] = number

    def of(self, path: str) -> int:
        while path and path not in self.found:
            path = path.rpartition(".")[0]
        return self.found.get(path, 1)
