"""A frozen fact that becomes JSON and back."""

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Message:
    """Base of all messages: JSON members are named as the fields, nested messages and tuples included."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        hints = typing.get_type_hints(cls)
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{name: _read(hints[name], value) for name, value in data.items() if name in known})

    def to_json(self) -> dict[str, Any]:
        return {f.name: _write(getattr(self, f.name)) for f in dataclasses.fields(self)}


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
