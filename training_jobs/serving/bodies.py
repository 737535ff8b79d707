"""Bodies of /invocations, in the formats that SageMaker's and MLflow's own containers take; pure.

application/json        {"instances": [{...}]}, "vectors": true to be told what the model saw
                        {"dataframe_records": [{...}]} or {"dataframe_split": {"columns", "data"}}
application/jsonlines   one instance a line
text/csv                request columns in the signature's order, or named in the first line where the type
                        says `header=present`; an empty cell is missing
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tidegate.moments import seconds

Instance = dict[str, Any]
JSON = "application/json"
JSON_TYPES = frozenset({JSON, "", "application/octet-stream"})  # the last two of clients who name no type
JSON_LINES = frozenset({"application/jsonlines", "application/x-jsonlines", "application/x-ndjson"})
CSV = "text/csv"
TEXTS = frozenset({"string", "timestamp", "date"})  # types whose members are texts in JSON
TRUTHS = {"true": 1.0, "false": 0.0}


class FormatError(ValueError):
    """The body is not of its content type; `status` is 400, or 415 for a type that is not taken."""

    def __init__(self, what: str, status: int = 400) -> None:
        super().__init__(what)
        self.status = status


class Split(msgspec.Struct):
    """pandas' orientation `split`."""

    columns: list[str]
    data: list[list[Any]]


class Json(msgspec.Struct):
    """A JSON body; exactly one of the first three."""

    instances: list[Instance] | msgspec.UnsetType = msgspec.UNSET
    dataframe_records: list[Instance] | msgspec.UnsetType = msgspec.UNSET
    dataframe_split: Split | msgspec.UnsetType = msgspec.UNSET
    vectors: bool = False  # answer what the model saw, too


@dataclass(frozen=True)
class Request:
    """What is asked, whatever its format."""

    instances: list[Instance]
    vectors: bool = False


_json = msgspec.json.Decoder(Json)
_line = msgspec.json.Decoder(Instance)


def decode(body: bytes, content_type: str, columns: Sequence[str], types: Mapping[str, str]) -> Request:
    """The request in a body.

    Args:
        columns: the request columns in the signature's order, which CSV without a header has.
        types: contract type of each.

    Raises:
        FormatError: it is not of its type.
    """
    media, _, parameters = content_type.partition(";")
    media = media.strip().lower()
    try:
        if media in JSON_TYPES:
            return _of_json(_json.decode(body))
        if media in JSON_LINES:
            return Request([_line.decode(line) for line in body.splitlines() if line.strip()])
        if media == CSV:
            named = "header=present" in parameters.replace(" ", "").lower()
            return Request(_of_csv(body.decode(), None if named else columns, types))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, csv.Error) as cause:
        raise FormatError(f"the body is not {media or JSON} as the signature says: {cause}") from cause
    raise FormatError(f"content type {media!r} is none of {JSON}, application/jsonlines, {CSV}", 415)


def _of_json(body: Json) -> Request:
    if body.instances is not msgspec.UNSET:
        return Request(body.instances, body.vectors)
    if body.dataframe_records is not msgspec.UNSET:
        return Request(body.dataframe_records, body.vectors)
    if body.dataframe_split is not msgspec.UNSET:
        split = body.dataframe_split
        return Request([_row(split.columns, values, i) for i, values in enumerate(split.data)], body.vectors)
    raise FormatError("the body has none of `instances`, `dataframe_records`, `dataframe_split`")


def _of_csv(text: str, columns: Sequence[str] | None, types: Mapping[str, str]) -> list[Instance]:
    lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    if columns is None:
        if not lines:
            return []
        columns, lines = lines[0], lines[1:]
    return [
        {name: _cell(name, value, types) for name, value in _row(columns, line, i).items()}
        for i, line in enumerate(lines)
    ]


def _row(columns: Sequence[str], values: Sequence[Any], position: int) -> Instance:
    if len(values) != len(columns):
        raise FormatError(f"row {position} has {len(values)} values for {len(columns)} columns")
    return dict(zip(columns, values, strict=True))


def _cell(name: str, text: str, types: Mapping[str, str]) -> Any:
    """A cell as JSON would have it; a column the model does not know stays text."""
    if not text:
        return None
    kind = types.get(name, "string")
    if kind in TEXTS:
        return text if kind == "string" else _moment(name, text)
    if kind == "boolean" and text.lower() in TRUTHS:
        return TRUTHS[text.lower()]
    try:
        return float(text)
    except ValueError as cause:
        raise FormatError(f"`{name}` must be a {kind}: got {text!r}") from cause


def _moment(name: str, text: str) -> str:
    try:
        seconds(text)
    except (TypeError, ValueError, OverflowError) as cause:
        raise FormatError(f"`{name}` must be a timestamp: {cause}") from cause
    return text
