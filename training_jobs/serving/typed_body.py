"""A JSON body as the signature types it: from bytes to rows in one pass, by a decoder that is made at start.

It knows the usual: {"instances": [...]} or {"dataframe_records": [...]} whose members are of their types. Of
anything else it says nothing; `bodies` reads the body again as plain JSON, takes it or says what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan
from tidegate.feature_store.looked_up import VIEWS, lack_at
from tidegate.moments import seconds
from tidegate.serving.row_model import Row
from tidegate.serving.values import MOMENTS

_TEXTS = MOMENTS | {"string"}
_UNUSUAL = (msgspec.DecodeError, RecursionError, ValueError, TypeError, LookupError, OverflowError)


class TypedBody:
    """The decoder of one signature."""

    def __init__(self, plan: FeatureSetPlan, types: Mapping[str, str]) -> None:
        row = _row(plan, types)
        rows = list[row] | msgspec.UnsetType  # type: ignore[valid-type]
        body = msgspec.defstruct(
            "Body",
            [
                ("instances", rows, UNSET),
                ("dataframe_records", rows, UNSET),
                ("dataframe_split", Any, UNSET),
                ("vectors", bool, False),
            ],
            gc=False,
        )
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(body).decode
        self._moments = [i for i, name in enumerate(plan.request) if types[name] in MOMENTS]
        self._truths = [i for i, name in enumerate(plan.request) if types[name] == "boolean"]
        self._views = [_View(view) for view in plan.views]
        self._none = (None,) * len(self._views)
        self._moment = plan.request.index(plan.source.event_ts)

    def read(self, body: bytes) -> tuple[list[Row], bool] | None:
        """The rows, and whether `vectors` are asked for; None of what is not as usual."""
        try:
            found = self._decode(body)
            rows = found.dataframe_records if found.instances is UNSET else found.instances
            if rows is UNSET or found.dataframe_split is not UNSET:
                return None
            return [self._values(row) for row in rows], found.vectors
        except _UNUSUAL:
            return None

    def _values(self, row: Any) -> Row:
        values = list(msgspec.structs.astuple(row))
        for position in self._moments:
            if (text := values[position]) is not None:
                values[position] = seconds(text)
        for position in self._truths:
            if (truth := values[position]) is not None:
                values[position] = float(truth)
        if self._views:
            views, moment = values.pop(), values[self._moment]
            members = self._none if views is None else msgspec.structs.astuple(views)
            for view, member in zip(self._views, members, strict=True):
                values += view.values(member, moment)
        return values


class _View:
    """What one view gives to a row."""

    def __init__(self, view: ViewPlan) -> None:
        defaults = [view.defaults.get(name) for name in view.outputs]
        self._defaults = [None if value is None else float(value) for value in defaults]
        self._ttl_seconds = view.ttl_seconds

    def values(self, member: Any, moment: float) -> list[float | None]:
        """Of a member as tidegate.looked_up has it.

        Raises:
            TypeError: it, or the row, has no moment.
        """
        if moment is None:
            raise TypeError("the row has no moment")
        if member is None:
            return self._defaults
        found, event_ts, known_ts = msgspec.structs.astuple(member)
        if found is UNSET:
            return self._defaults
        known_ts = event_ts if known_ts is UNSET else known_ts
        if lack_at(moment, event_ts, known_ts, self._ttl_seconds) is not None:
            return self._defaults
        found = msgspec.structs.astuple(found)
        return [d if value is None else value for value, d in zip(found, self._defaults, strict=True)]


def _row(plan: FeatureSetPlan, types: Mapping[str, str]) -> Any:
    """An instance: the request's members, each of which must be there, and views where the model has any."""
    fields = [(name, _of_type(types[name])) for name in plan.request]
    if not plan.views:
        return _struct(fields)
    views = _struct((), [(view.version, _member(view) | None, None) for view in plan.views])
    return _struct(fields, [(VIEWS, views | None, None)])


def _member(view: ViewPlan) -> Any:
    moment = int | float | msgspec.UnsetType
    values = _struct((), [(name, float | None, None) for name in view.outputs]) | msgspec.UnsetType
    return _struct((), [("v", values, UNSET), ("et", moment, UNSET), ("kt", moment, UNSET)])


def _of_type(kind: str) -> Any:
    if kind in _TEXTS:
        return str | None
    return bool | float | None if kind == "boolean" else float | None


def _struct(
    required: Sequence[tuple[str, Any]], optional: Sequence[tuple[str, Any, Any]] = ()
) -> type[msgspec.Struct]:
    """Of members with any name: fields have names of ours."""
    fields: list[Any] = [*required, *optional]
    names = {f"m{i}": field[0] for i, field in enumerate(fields)}
    return msgspec.defstruct(
        "Members",
        [(own, *field[1:]) for own, field in zip(names, fields, strict=True)],
        rename=names,
        gc=False,
    )
