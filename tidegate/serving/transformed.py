"""From members of instances to features where those have transforms, which are the user's numpy functions."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tidegate.feature_store.feature_file import load, plan_of
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.feature_store.transforms import feature_columns
from tidegate.serving.instances import from_values
from tidegate.serving.values import Value

Rows = Sequence[Sequence[Value]]


def transformer(
    code: Path, plan: FeatureSetPlan, types: Mapping[str, str]
) -> tuple[Callable[[Rows], Rows], str]:
    """Rows in the order of `plan.instance` to rows in that of `plan.features`; and the code's feature hash.

    Raises:
        ConfigError: the code cannot be executed, or has no such feature set.
    """
    feature_set = load(code, plan.attribute)

    def transformed(rows: Rows) -> Rows:
        columns = dict(zip(plan.instance, zip(*rows, strict=True), strict=True))
        features = feature_columns(feature_set, from_values(columns, types))
        return list(zip(*(features[name].tolist() for name in plan.features), strict=True))

    return transformed, plan_of(feature_set, plan.attribute).hash
