"""A features.py: executed by path, checked as a whole, compiled to a plan whose hash is its version."""

import linecache
import traceback
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

from tidegate.columns.sql_text import one_line
from tidegate.errors import ConfigError
from tidegate.feature_store.feature_hash import code_of, digest, of_plan
from tidegate.feature_store.feature_plan import FeatureSetPlan, LabelPlan, SourcePlan
from tidegate.feature_store.purity import check_pure
from tidegate.feature_store.row_dependence import check_rows
from tidegate.features import FeatureSet


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
    except ConfigError as refused:
        raise _placed(_place(file, refused), refused) from refused
    except Exception as cause:  # whatever the user's file does wrong is told as such
        what = f"{_place(file, cause)}`{file}` cannot be executed"
        raise ConfigError(what, cause=f"{type(cause).__name__}: {cause}") from cause
    found = getattr(module, attribute, None)
    if not isinstance(found, FeatureSet):
        sets = [name for name, value in vars(module).items() if isinstance(value, FeatureSet)]
        raise ConfigError(
            f"`{file}` has no feature set `{attribute}`", cause=f"it has {', '.join(sets) or 'none'}"
        )
    return found


def _place(file: Path, raised: BaseException) -> str:
    """`features.py:24: `, the line of the definition that raised it; nothing when no line did."""
    frames = traceback.extract_tb(raised.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return f"{file.name}:{lines[-1]}: " if lines else ""


def _placed(place: str, refused: ConfigError) -> ConfigError:
    return ConfigError(f"{place}{refused.what}", cause=refused.cause, hint=refused.hint)


def plan_of(feature_set: FeatureSet, attribute: str) -> FeatureSetPlan:
    """The plan of a feature set, hash included."""
    source = feature_set.label.source
    plan = FeatureSetPlan(
        name=feature_set.name,
        attribute=attribute,
        hash="",
        source=SourcePlan(dataset=source.dataset, event_ts=source.event_ts, known_ts=source.known_ts),
        label=LabelPlan(name=feature_set.label.name, sql=one_line(feature_set.label.sql)),
        request=tuple(feature_set.request),
        views=tuple(each.plan for each in feature_set.aggregates),
        transforms=tuple(each.plan for each in feature_set.transforms),
        features=tuple(feature_set.features),
    )
    code = {each.plan.name: code_of(each.function) for each in feature_set.transforms}
    coded = tuple(replace(each, code=digest(code[each.name])) for each in plan.transforms)
    return replace(plan, hash=of_plan(plan, code), transforms=coded)


def compile_feature_set(file: Path, attribute: str) -> dict[str, Any]:
    """The features part of `plan.json`. Executes `file` and tries its transforms: it belongs to build time.

    Raises:
        ConfigError: see `load`; or a transform is not pure, fails or mixes rows.
    """
    feature_set = load(file, attribute)
    for each in feature_set.transforms:
        place = f"{file.name}:{each.function.__code__.co_firstlineno}: "
        try:
            check_pure(each.function, f"transform `{each.plan.name}`")  # with helpers defined below it
            check_rows(each)
        except ConfigError as refused:
            raise _placed(place, refused) from refused
    return plan_of(feature_set, attribute).to_json()
