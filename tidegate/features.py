"""How a user defines features: entities, sources, windowed aggregates, transforms, and a set of them.

Definitions are values; nothing runs when they are made, but everything that would go wrong later is refused
here: an impure transform, an undeclared column, two features of one name.
"""

import inspect
import linecache
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tidegate.errors import ConfigError
from tidegate.feature_hash import code_of, digest
from tidegate.feature_plan import FeatureSetPlan, LabelPlan, SourcePlan, TransformPlan, ViewPlan
from tidegate.purity import impurity

Array = NDArray[Any]
"""A column, or one value of it as an array of length 1: a transform cannot tell the two apart."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RESERVED = ("label", "event_ts", "known_ts")  # columns that training sets and views add
_OF_READERS = ("ttl_seconds", "defaults", "hash")
_DTYPES = ("float64", "float32", "int64", "int32", "bool")


@dataclass(frozen=True)
class Entity:
    """What an aggregate is about, named by the column that identifies it."""

    key: str


@dataclass(frozen=True)
class Source:
    """A dataset with its two times: a row counts only for moments at which it was known."""

    dataset: str
    event_ts: str
    known_ts: str


@dataclass(frozen=True)
class Label:
    """What is predicted, as DuckDB SQL over the source's columns."""

    name: str
    source: Source
    sql: str


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
    if unknown := sorted(set(defaults or {}) - set(outputs)):
        raise ConfigError(f"{where} has defaults for {', '.join(unknown)}, which it does not output")
    plan = ViewPlan(
        name=view,
        source=SourcePlan(dataset=source.dataset, event_ts=source.event_ts, known_ts=source.known_ts),
        keys=tuple(entity.key for entity in keys),
        sql=" ".join(sql.split()),
        window_seconds=_seconds(window, f"{where}: window"),
        every_seconds=_seconds(every, f"{where}: every"),
        ttl_seconds=_seconds(ttl, f"{where}: ttl"),
        outputs=_checked_outputs(outputs, where),
        defaults={name: float(value) for name, value in (defaults or {}).items()},
    )
    return Aggregate(replace(plan, hash=_view_hash(plan)), source)


def transform(
    *, inputs: Sequence[str], outputs: Mapping[str, str]
) -> Callable[[Callable[..., tuple[Array, ...]]], Transform]:
    """Mark a pure numpy function of columns as a transform.

    It gets one array for each input and returns a tuple of one array for each output, of the same length;
    row i of an output may depend on row i of the inputs only. Timestamps arrive as float seconds since the
    epoch, text as an object array, everything else as float64 with NaN for missing.

    Raises:
        ConfigError: the function reads a clock, randomness, files or globals that are not constants, or
            takes another number of arrays than `inputs` names.
    """

    def mark(function: Callable[..., tuple[Array, ...]]) -> Transform:
        if not isinstance(function, types.FunctionType):
            raise ConfigError(f"transform `{function}` is not a plain function")
        where = f"transform `{function.__name__}`"
        if not inputs or not outputs:
            raise ConfigError(f"{where} needs at least one input and one output")
        taken = len(inspect.signature(function).parameters)
        if taken != len(inputs):
            raise ConfigError(f"{where} takes {taken} arrays but declares {len(inputs)} inputs")
        if problem := impurity(function):
            raise ConfigError(f"{where} is not pure", cause=problem, hint="numpy and math are allowed")
        plan = TransformPlan(
            name=function.__name__, inputs=tuple(inputs), outputs=_checked_outputs(outputs, where)
        )
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
            self._check_known(made.plan.inputs, known, f"{where}: inputs of transform `{made.plan.name}`")
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
            if twice := _repeated(names):
                raise ConfigError(f"{where} names the {what} {', '.join(twice)} twice")
        if twice := _repeated(known):
            raise ConfigError(f"{where}: {', '.join(twice)} has two origins", hint="rename one of them")
        if taken := sorted(set(known) & set(_RESERVED) - {source.event_ts}):
            raise ConfigError(f"{where}: the column name {', '.join(taken)} is taken", hint="rename it")

    @staticmethod
    def _check_known(names: Sequence[str], known: Sequence[str], where: str) -> None:
        if unknown := [name for name in names if name not in known]:
            raise ConfigError(
                f"{where} name unknown columns: {', '.join(unknown)}", cause=f"known: {', '.join(known)}"
            )


def load(file: Path, attribute: str) -> FeatureSet:
    """The feature set `attribute` of a Python file, read by path.

    Raises:
        ConfigError: there is no such file or attribute, or executing it fails.
    """
    module = types.ModuleType(f"tidegate_features_{file.parent.name}")
    module.__file__ = str(file)
    try:
        # compiled here: bytecode beside the file could be older, or another's
        text = file.read_text(encoding="utf-8")
        # what `inspect` will read as source is what ran, so the hash is of that
        linecache.cache[str(file)] = (len(text), None, text.splitlines(keepends=True), str(file))
        exec(compile(text, str(file), "exec"), vars(module))  # noqa: S102  the user's own definitions
    except FileNotFoundError as cause:
        raise ConfigError(
            f"`{file}` does not exist", hint="`pipeline.features` names it as features.py:attribute"
        ) from cause
    except ConfigError:
        raise
    except Exception as cause:  # whatever the user's file does wrong is told as such
        raise ConfigError(f"`{file}` cannot be executed", cause=f"{type(cause).__name__}: {cause}") from cause
    found = getattr(module, attribute, None)
    if not isinstance(found, FeatureSet):
        sets = [name for name, value in vars(module).items() if isinstance(value, FeatureSet)]
        raise ConfigError(
            f"`{file}` has no feature set `{attribute}`", cause=f"it has {', '.join(sets) or 'none'}"
        )
    return found


def plan_of(feature_set: FeatureSet, attribute: str) -> FeatureSetPlan:
    """The plan of a feature set, hash included."""
    source = feature_set.label.source
    parts: dict[str, Any] = {
        "source": SourcePlan(dataset=source.dataset, event_ts=source.event_ts, known_ts=source.known_ts),
        "label": LabelPlan(name=feature_set.label.name, sql=" ".join(feature_set.label.sql.split())),
        "request": tuple(feature_set.request),
        "views": tuple(each.plan for each in feature_set.aggregates),
        "transforms": tuple(each.plan for each in feature_set.transforms),
        "features": tuple(feature_set.features),
    }
    plan = FeatureSetPlan(name=feature_set.name, attribute=attribute, hash="", **parts)
    code = {each.plan.name: code_of(each.function) for each in feature_set.transforms}
    document = {"plan": plan.to_json(), "code": code, "numpy": _minor("numpy")}
    coded = tuple(replace(each, code=digest(code[each.name])) for each in plan.transforms)
    return replace(plan, hash=digest(document), transforms=coded)


def compile_feature_set(file: Path, attribute: str) -> dict[str, Any]:
    """The features part of `plan.json`. Executes `file`, so it belongs to build time.

    Raises:
        ConfigError: see `load`.
    """
    return plan_of(load(file, attribute), attribute).to_json()


def _view_hash(plan: ViewPlan) -> str:
    """Of what decides the view's rows: readers of one version may have other limits of age and defaults."""
    rows = {key: value for key, value in plan.to_json().items() if key not in _OF_READERS}
    return digest({"view": rows, "duckdb": _minor("duckdb")})


def _minor(library: str) -> str:
    """Its version as far as the last bits of a value may change with it."""
    return ".".join(version(library).split(".")[:2])


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if list(names).count(name) > 1})


def _seconds(text: str, where: str) -> int:
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found or int(found[1]) == 0:
        raise ConfigError(f"{where} is {text!r}", hint='write a duration such as "30m", "1h" or "7d"')
    return int(found[1]) * _UNITS[found[2]]


def _checked_outputs(outputs: Mapping[str, str], where: str) -> dict[str, str]:
    if wrong := sorted({dtype for dtype in outputs.values() if dtype not in _DTYPES}):
        raise ConfigError(f"{where}: unknown dtype {', '.join(wrong)}", hint=f"one of {', '.join(_DTYPES)}")
    return dict(outputs)
