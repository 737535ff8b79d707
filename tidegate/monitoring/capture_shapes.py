"""The shapes of captured records, requests and answers that are decoded without a look at anything else.

Pure. What has another shape raises one of UNREADABLE and is left to `tidegate.monitoring.capture`.
"""

import base64
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal

import msgspec

_JSON: dict[str, Any] = {"string": str | None, "integer": int | float | None, "number": int | float | None}
_BASE64 = "BASE64"
_BEGINS: set[str | bytes] = {"{", b"{"}
_STOPS: set[str | bytes] = {"}", b"}"}
UNREADABLE = (msgspec.DecodeError, ValueError, KeyError, RecursionError)

Decoder = msgspec.json.Decoder[Any]


# gc=False: they hold no cycles, and would be looked through again and again


class Side(msgspec.Struct, gc=False):
    data: str
    encoding: Literal["JSON", "BASE64", "CSV"] = "JSON"  # another is left to the plain reader

    @property
    def text(self) -> str | bytes:
        return base64.b64decode(self.data) if self.encoding == _BASE64 else self.data


class Sides(msgspec.Struct, rename="camel", gc=False):
    endpoint_input: Side
    endpoint_output: Side


class Event(msgspec.Struct, rename="camel", gc=False):
    event_id: str
    inference_id: str = ""


class Record(msgspec.Struct, rename="camel", gc=False):
    capture_data: Sides
    event_metadata: Event


class Instances:
    """Decodes requests."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        """`columns`: members of an instance by name, each with its type in the contract."""
        fields = [(f"c{i}", _JSON.get(kind, Any), None) for i, kind in enumerate(columns.values())]
        names = {f"c{i}": name for i, name in enumerate(columns)}
        self._columns = tuple(columns)
        self._instance = msgspec.defstruct("Instance", fields, rename=names, gc=False)
        request = msgspec.defstruct("Request", [("instances", list[self._instance])], gc=False)  # type: ignore[name-defined]
        self.decoder: Decoder = msgspec.json.Decoder(request)
        self._members = [(name, attrgetter(f"c{i}")) for i, name in enumerate(columns)]

    def of(self, instance: Mapping[str, Any]) -> Any:
        """An instance that was read otherwise, as the decoder gives them."""
        return self._instance(*map(instance.get, self._columns))

    def columns(self, instances: Sequence[Any]) -> dict[str, list[Any]]:
        return {name: list(map(member, instances)) for name, member in self._members}


class Answers:
    """Decodes answers; of a label and its probabilities what is asked for is taken at once."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names`: of `answers.measured`."""
        self._names = tuple(names)
        self._is_label = "label" in names
        self._number = msgspec.defstruct(
            "Number",
            [(name, int | float) for name in names if name in {"probability", "value"}],
            forbid_unknown_fields=True,
            gc=False,
        )
        label = msgspec.defstruct("Label", [("label", str), ("probabilities", dict[str, int | float])])
        answer = label if self._is_label else self._number
        response = msgspec.defstruct("Response", [("predictions", list[answer])], gc=False)  # type: ignore[valid-type]
        self.decoder: Decoder = msgspec.json.Decoder(response)

    def told(self, predictions: list[Any]) -> list[Any]:
        """Decoded predictions as `columns` takes them.

        Raises:
            KeyError: a label has no probability.
        """
        return [self._labelled(each) for each in predictions] if self._is_label else predictions

    def of(self, answer: Mapping[str, Any]) -> Any:
        """An answer that was read otherwise, as `columns` takes it."""
        values = tuple(map(answer.get, self._names))
        return values if self._is_label else self._number(*values)

    def columns(self, answers: Sequence[Any]) -> dict[str, list[Any]]:
        if not self._is_label:
            return {name: list(map(attrgetter(name), answers)) for name in self._names}
        told = [list(values) for values in zip(*answers, strict=True)] or [[] for _ in self._names]
        return dict(zip(self._names, told, strict=True))

    def _labelled(self, answer: Any) -> tuple[Any, ...]:
        return tuple(
            answer.label if name == "label" else float(answer.probabilities[answer.label])
            for name in self._names
        )


def each(decoder: Decoder, sides: Sequence[Side]) -> list[Any]:
    """The value of each side, decoded at once.

    They are joined by newlines. A value cannot reach from one text into the next where each begins with { and
    ends with }: JSON has nothing that lets } stand before {, and no newline inside a string. So there are as
    many values as texts only where each text is one.

    Raises:
        ValueError: a side is not one object, and nothing else.
    """
    texts: list[Any] = [side.data for side in sides]
    newline: str | bytes = "\n"
    if _BASE64 in {side.encoding for side in sides}:
        texts = [text.encode() if isinstance(text := side.text, str) else text for side in sides]
        newline = b"\n"
    if {text[:1] for text in texts} - _BEGINS or {text[-1:] for text in texts} - _STOPS:
        raise ValueError("not an object")
    values = decoder.decode_lines(newline.join(texts))
    if len(values) != len(sides):
        raise ValueError("a text holds several values")
    return values
