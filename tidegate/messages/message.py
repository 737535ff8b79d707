"""A frozen fact that becomes JSON and back."""

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Message:
    """Base of all messages: JSON members are named as the fields, nested messages and tuples included."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        kind: type = cls  # mypy takes no class with a __hash__ for hashable
        hints = _hints(kind)
        return cls(**{name: _read(hints[name], value) for name, value in data.items() if name in hints})

    def to_json(self) -> dict[str, Any]:
        return {f.name: _write(getattr(self, f.name)) for f in dataclasses.fields(self)}


@functools.cache  # a plan is some 160 messages of a dozen kinds, and reading the annotations was its cost
def _hints(cls: type) -> dict[str, Any]:
    """Field -> its type."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _read(hint: Any, value: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
        origin = typing.get_origin(hint)
    if origin is tuple:
        return tuple(_read(typing.get_args(hint)[0], item) for item in value)
    if isinstance(hint, type) and issubclass(hint, Message):
        return hint.from_json(value)
    return value


def _write(value: Any) -> Any:
    if isinstance(value, Message):
        return value.to_json()
    if isinstance(value, tuple):
        return [_write(item) for item in value]
    return value
