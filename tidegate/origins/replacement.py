"""What a prediction would change by if one member of its request were what is usual.

For models whose own arithmetic is not at hand. The differences do not sum to anything: two members may say
the same, and then neither is missed alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.feature_store.looked_up import VIEWS
from tidegate.moments import seconds
from tidegate.origins.contributions import Contributions
from tidegate.profile import Profile
from tidegate.serving.prediction import of_instances
from tidegate.training.artefact import Artefact

METHOD = "replacement by the median"
SCALE = "change of the prediction when the member is what is usual in training; they do not sum to it"


def usual(profile: Profile, aggregates: Mapping[str, Sequence[float | None]]) -> dict[str, Any]:
    """The median of numbers and the most frequent text, of the training rows.

    Args:
        profile: of the request columns.
        aggregates: training values of looked-up columns.
    """
    found: dict[str, Any] = {}
    for name, column in profile.columns.items():
        if column.kind == "number" and column.count and not column.type.startswith(("timestamp", "date")):
            middle = float(column.quantile(np.array([0.5]))[0])
            found[name] = round(middle) if column.type.startswith(("int", "uint")) else middle
        elif column.kind == "text" and column.count:
            found[name] = column.top(1)[0][0]
    for name, values in aggregates.items():
        there = [value for value in values if value is not None and value == value]  # noqa: PLR0124  no NaN
        if there:
            found[name] = float(np.median(there))
    return found


def of_instance(
    model: Artefact, instance: Mapping[str, Any], usual_values: Mapping[str, Any]
) -> Contributions:
    """Of each member of the instance that `usual_values` has; `base` is the prediction with all of them.

    Raises:
        ValueError: the model cannot take a value.
    """
    members = [name for name in model.plan.instance if name in usual_values]
    asked = [dict(instance)]
    asked += [_with(model.plan, instance, {name: usual_values[name]}) for name in members]
    asked.append(_with(model.plan, instance, {name: usual_values[name] for name in members}))
    answers = np.asarray(of_instances(model, asked).predictions)
    best = int(answers[0].argmax()) if answers.ndim > 1 else None
    scores = answers if best is None else answers[:, best]
    return Contributions(
        method=METHOD,
        scale=SCALE,
        output=None if best is None else model.task.classes[best],
        base=float(scores[-1]),
        margin=float(scores[0]),
        by_feature={name: float(scores[0] - scores[1 + i]) for i, name in enumerate(members)},
    )


def _with(plan: FeatureSetPlan, instance: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The instance with other values of some members; a looked-up one is of the request's own moment."""
    moment = int(seconds(instance[plan.source.event_ts]))
    views = dict(instance.get(VIEWS) or {})
    for view in plan.views:
        mine = {name: values[name] for name in view.outputs if name in values}
        if mine:
            member = views.get(view.version) or {}
            times = {name: member[name] for name in ("et", "kt") if "v" in member and name in member}
            views[view.version] = {"et": moment, "kt": moment, **times, "v": {**member.get("v", {}), **mine}}
    others = {name: value for name, value in values.items() if name in plan.request}
    return {**instance, **others, **({VIEWS: views} if plan.views else {})}
