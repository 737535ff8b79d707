"""How a user defines features: entities, sources, windowed aggregates, transforms, and a set of them.

Definitions are values; nothing runs when they are made, but everything that would go wrong later is refused
here: an impure transform, an undeclared column, two features of one name.
"""

import inspect
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from numpy.typing import NDArray

from tidegate.columns.sql_text import one_line
from tidegate.errors import ConfigError
from tidegate.feature_store.declared import (
    RESERVED,
    checked_defaults,
    checked_inputs,
    checked_keys,
    checked_outputs,
    checked_times,
    repeated,
    seconds,
)
from tidegate.feature_store.feature_hash import digest, minor_version
from tidegate.feature_store.feature_plan import SourcePlan, TransformPlan, ViewPlan
from tidegate.feature_store.purity import check_pure

Array = NDArray[Any]
"""A column, or one value of it as an array of length 1: a transform cannot tell the two apart."""

_OF_READERS = ("ttl_seconds", "defaults", "hash")


@dataclass(frozen=True)
class Entity:
    """What an aggregate is about, named by the column that identifies it."""

    key: str

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not self.key:
            raise ConfigError(f"the key of an entity is {self.key!r}", hint='a column: Entity("carrier")')


@dataclass(frozen=True)
class Source:
    """A dataset with its two times: a row counts only for moments at which it was known.

    Raises:
        ConfigError: a time is not named. Features that look at the event time alone leak what arrived late.
    """

    dataset: str
    event_ts: str = ""  # column: when it happened
    known_ts: str = ""  # column: when the whole row was known, outcome included

    def __post_init__(self) -> None:
        if not self.event_ts:
            raise ConfigError(
                f"source `{self.dataset}` has no event_ts", hint="name the column that says when it happened"
            )
        if not self.known_ts:
            raise ConfigError(
                f"source `{self.dataset}` has no known_ts",
                cause="without it a training row would see what arrived only after its moment",
                hint="name the column that says when the whole row was known; where rows are known as they "
                f'happen, say so: known_ts="{self.event_ts}"',
            )


@dataclass(frozen=True)
class Label:
    """What is predicted, as DuckDB SQL over the source's columns."""

    name: str
    source: Source
    sql: str

    def __post_init__(self) -> None:
        if not one_line(self.sql):
            raise ConfigError(
                f"label `{self.name}` has no SQL", hint="an expression that gives a label, or null"
            )


@dataclass(frozen=True)
class Aggregate:
    """See `aggregate`."""

    plan: ViewPlan
    source: Source


@dataclass(frozen=True)
class Transform:
    """A pure function with its declared inputs and outputs; calling it calls the function."""

    function: types.FunctionType
    plan: TransformPlan

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        outputs: tuple[Array, ...] = self.function(*arrays)
        return outputs


def aggregate(
    *,
    view: str,
    source: Source,
    keys: Sequence[Entity],
    window: str,
    every: str,
    ttl: str,
    sql: str,
    outputs: Mapping[str, str],
    defaults: Mapping[str, float] | None = None,
) -> Aggregate:
    """A windowed aggregate of `source`, one row for each entity and tick.

    At each tick t the SQL sees, as the table `source`, the rows with event time in (t - window, t] that were
    known at t. Its rows are known at t.

    Args:
        window, every, ttl: durations such as "30m", "1h", "7d". `every` is the distance of ticks, which lie
            on multiples of it since the epoch; a value older than `ttl` counts as missing.
        sql: a SELECT in DuckDB's dialect that groups by the keys and returns them and the outputs.
        outputs: column -> dtype.
        defaults: column -> what a model sees, in training and in serving alike, where there is no value: the
            entity is unknown, the newest value is too old, the online store does not answer. Without one it
            sees a missing value.

    Raises:
        ConfigError: a duration or dtype cannot be read, a default is of no output, or the SQL never mentions
            `source`.
    """
    where = f"aggregate `{view}`"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", view):
        raise ConfigError(f"{where}: the name must be lower case letters, digits and _")
    if not keys or not outputs:
        raise ConfigError(f"{where} needs at least one key and one output")
    if not re.search(r"\bsource\b", sql):
        raise ConfigError(
            f"{where}: its SQL reads no table `source`", hint="select ... from source group by ..."
        )
    declared = checked_outputs(outputs, where)
    plan = ViewPlan(
        name=view,
        source=SourcePlan(dataset=source.dataset, event_ts=source.event_ts, known_ts=source.known_ts),
        keys=checked_keys([entity.key for entity in keys], declared, where),
        sql=_nestable(one_line(sql), [entity.key for entity in keys], declared),
        window_seconds=seconds(window, f"{where}: window"),
        every_seconds=seconds(every, f"{where}: every"),
        ttl_seconds=seconds(ttl, f"{where}: ttl"),
        outputs=declared,
        defaults=checked_defaults(defaults or {}, declared, where),
    )
    checked_times(window=plan.window_seconds, every=plan.every_seconds, ttl=plan.ttl_seconds, where=where)
    return Aggregate(replace(plan, hash=_view_hash(plan)), source)


def aggregates(
    *,
    view: str,
    windows: Sequence[str],
    keys: Sequence[Entity],
    outputs: Mapping[str, str],
    sql: str,
    **rest: Any,
) -> tuple[Aggregate, ...]:
    """One aggregate over several windows: a view for each, named `<view>_<window>`, as are its outputs.

    A window that is added later is computed by itself. Arguments are those of `aggregate`; use the result as
    `FeatureSet(aggregates=[*delays, ...])`.

    Raises:
        ConfigError: see `aggregate`; or there is no window, or one twice.
    """
    if not windows or isinstance(windows, str) or repeated(windows):
        raise ConfigError(f"aggregates `{view}`: windows is {windows!r}", hint='such as ["1d", "7d"]')
    columns = [f'"{entity.key}"' for entity in keys]
    defaults = rest.pop("defaults", None) or {}
    return tuple(
        aggregate(
            view=f"{view}_{window}",
            window=window,
            keys=keys,
            outputs={f"{name}_{window}": dtype for name, dtype in outputs.items()},
            defaults={f"{name}_{window}": value for name, value in defaults.items()},
            sql=_renamed(one_line(sql), columns, {name: f"{name}_{window}" for name in outputs}),
            **rest,
        )
        for window in windows
    )


def _nestable(sql: str, keys: Sequence[str], outputs: Iterable[str]) -> str:
    """The same rows of a statement that can follow `with source as (...)`, as it does when it is computed."""
    if not re.match(r"with\b", sql, re.IGNORECASE):
        return sql
    return _renamed(sql, [f'"{name}"' for name in (*keys, *outputs)], {})


def _renamed(sql: str, columns: Sequence[str], names: Mapping[str, str]) -> str:
    """The same rows with other names of some columns."""
    given = ", ".join([*columns, *(f'"{name}" as "{new}"' for name, new in names.items())])
    return f"select {given} from ({sql})"  # noqa: S608  the user's own SQL


def transform(
    *,
    inputs: Mapping[str, str] | Sequence[str],
    outputs: Mapping[str, str],
    nulls: Literal["propagate", "handle"] = "propagate",
) -> Callable[[Callable[..., tuple[Array, ...]]], Transform]:
    """Mark a pure numpy function of columns as a transform.

    It gets one array for each input, in its dtype, and returns a tuple of one array of numbers for each
    output, of the same length; row i of an output may depend on row i of the inputs only. It is tried on
    made-up rows when the feature set is compiled.

    Args:
        inputs: column -> dtype: float64, float32, int64, int32, bool, string (an object array) or timestamp
            (float64 seconds since the epoch). A sequence of names means float64 each. A value that its dtype
            cannot hold, such as 2.5 in an int64, counts as missing.
        outputs: column -> dtype, one of the first five.
        nulls: what becomes of missing values. "propagate": the function never sees one; zero or an empty
            text stands in its place, and every output is missing in each row in which an input is.
            "handle": the function gets NaN, and None for text, and answers NaN where it has no value.

    Raises:
        ConfigError: the function reads a clock, randomness, files or globals that are not constants, takes
            another number of arrays than `inputs` names, or a dtype or null policy is unknown or unfit.
    """

    def mark(function: Callable[..., tuple[Array, ...]]) -> Transform:
        if not isinstance(function, types.FunctionType):
            raise ConfigError(f"transform `{function}` is not a plain function")
        where = f"transform `{function.__name__}`"
        if not inputs or not outputs:
            raise ConfigError(f"{where} needs at least one input and one output")
        plan = TransformPlan(
            name=function.__name__,
            inputs=checked_inputs(inputs, nulls, where),
            outputs=checked_outputs(outputs, where),
            nulls=nulls,
        )
        parameters = inspect.signature(function).parameters.values()
        if any(each.kind not in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters):
            raise ConfigError(f"{where} takes *, ** or keyword arguments", hint="one name for each input")
        if len(parameters) != len(inputs):
            raise ConfigError(f"{where} takes {len(parameters)} arrays but declares {len(inputs)} inputs")
        check_pure(function, where)
        return Transform(function, plan)

    return mark


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """What one model is trained and served on.

    Args:
        label: what it predicts, at the source's event time.
        request: columns a caller sends; they must be known at prediction time.
        aggregates, transforms: where the other columns come from.
        features: what the model sees, in order, out of request, aggregates and transforms.

    Raises:
        ConfigError: a column has no origin or two, or the parts do not share a source.
    """

    name: str
    label: Label
    request: Sequence[str]
    features: Sequence[str]
    aggregates: Sequence[Aggregate] = ()
    transforms: Sequence[Transform] = ()

    def __post_init__(self) -> None:
        where = f"feature set `{self.name}`"
        source = self.label.source
        known = list(self.request)
        if source.event_ts not in known:
            raise ConfigError(
                f"{where}: `{source.event_ts}` is not in `request`",
                cause="it says at which moment a prediction is asked for",
            )
        for each in self.aggregates:
            if each.source != source:
                raise ConfigError(
                    f"{where}: aggregate `{each.plan.name}` and the label have different sources"
                )
            self._check_known(each.plan.keys, known, f"{where}: keys of aggregate `{each.plan.name}`")
        known += [column for each in self.aggregates for column in each.plan.outputs]
        for made in self.transforms:
            self._check_known(
                tuple(made.plan.inputs), known, f"{where}: inputs of transform `{made.plan.name}`"
            )
            known += made.plan.outputs
        self._check_known(self.features, known, f"{where}: features")
        self._check_names(known, where)

    def _check_names(self, known: Sequence[str], where: str) -> None:
        source = self.label.source
        # One time for both says that rows are known as they happen: no later moment can leak.
        if source.known_ts in self.request and source.known_ts != source.event_ts:
            raise ConfigError(
                f"{where}: `{source.known_ts}` is in `request`", cause="it is only known after the outcome"
            )
        if not self.features:
            raise ConfigError(f"{where} has no features", hint="name what the model sees in `features`")
        views = [each.plan.name for each in self.aggregates]
        functions = [each.plan.name for each in self.transforms]
        for what, names in (("view", views), ("transform", functions), ("feature", self.features)):
            if twice := repeated(names):
                raise ConfigError(f"{where} names the {what} {', '.join(twice)} twice")
        if twice := repeated(known):
            raise ConfigError(f"{where}: {', '.join(twice)} has two origins", hint="rename one of them")
        if taken := sorted(set(known) & set(RESERVED) - {source.event_ts}):
            raise ConfigError(f"{where}: the column name {', '.join(taken)} is taken", hint="rename it")

    @staticmethod
    def _check_known(names: Sequence[str], known: Sequence[str], where: str) -> None:
        if unknown := [name for name in names if name not in known]:
            raise ConfigError(
                f"{where} name unknown columns: {', '.join(unknown)}", cause=f"known: {', '.join(known)}"
            )


def _view_hash(plan: ViewPlan) -> str:
    """Of what decides the view's rows: readers of one version may have other limits of age and defaults."""
    rows = {key: value for key, value in plan.to_json().items() if key not in _OF_READERS}
    return digest({"view": rows, "duckdb": minor_version("duckdb")})
