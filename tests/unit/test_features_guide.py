"""The guide's file compiles, and whatever it says is refused is refused with those words."""

import re
from pathlib import Path

import pytest

from tidegate.contract.plan import Column, ContractPlan
from tidegate.errors import ConfigError
from tidegate.feature_store.feature_checks import mistakes
from tidegate.feature_store.feature_file import compile_feature_set, plan_of
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.features import Entity, FeatureSet, Label, Source, aggregate

TEXT = (Path(__file__).parents[2] / "docs" / "guides" / "features.md").read_text()
ORDERS = Source("orders", event_ts="ordered_at", known_ts="settled_at")
CONTRACT = ContractPlan(
    id="orders",
    version="1",
    dataset="orders",
    hash="h",
    columns=(
        Column(name="ordered_at", type="timestamp"),
        Column(name="settled_at", type="timestamp"),
        Column(name="returned_at", type="timestamp"),
        Column(name="shop", type="string"),
        Column(name="price", type="number"),
        Column(name="coupon", type="string"),
    ),
    rules=(),
)


def rows(heading):
    """(code, words) of the table under a heading of its first column."""
    table = TEXT.split(f"| {heading} | is refused with |\n|---|---|\n")[1].split("\n\n")[0]
    found = [re.fullmatch(r"\| `(.+)` \| (.+) \|", line).groups() for line in table.splitlines()]
    assert found
    return [pytest.param(*row, id=row[0]) for row in found]


def view(**changed):
    given = {
        "view": "v",
        "source": ORDERS,
        "keys": [Entity("shop")],
        "window": "30d",
        "every": "1h",
        "ttl": "2d",
        "sql": "select shop, 1 as x from source",
        "outputs": {"x": "float64"},
    }
    return aggregate(**{**given, **changed})


def features(**changed):
    given = {
        "name": "f",
        "label": Label("y", source=ORDERS, sql="returned_at is not null"),
        "request": ["ordered_at", "shop"],
        "features": ["shop"],
    }
    return FeatureSet(**{**given, **changed})


def test_the_file_compiles_and_fits_a_contract_of_its_columns(tmp_path):
    file = tmp_path / "features.py"
    file.write_text(re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1])
    plan = FeatureSetPlan.from_json(compile_feature_set(file, "members"))
    assert list(mistakes(plan, CONTRACT)) == []
    assert [each.name for each in plan.views] == ["shop_returns", "shop_orders_1d", "shop_orders_7d"]


@pytest.mark.parametrize(("code", "words"), rows("in a transform of `a`"))
def test_transforms(tmp_path, code, words):
    file = tmp_path / "features.py"
    file.write_text(
        "import json\nimport time\nfrom decimal import Decimal\nimport numpy as np\n"
        "from tidegate.features import FeatureSet, Label, Source, transform\nTABLE = {'k': 1}\n"
        '@transform(inputs=["a"], outputs={"x": "float64"})\n'
        f"def f(a):\n    return ({code},)\n"
        's = Source("s", event_ts="t", known_ts="k")\n'
        'made = FeatureSet(name="m", label=Label("l", source=s, sql="y"), request=["t", "a"],\n'
        '    transforms=[f], features=["x"])\n'
    )
    with pytest.raises(ConfigError) as refused:
        compile_feature_set(file, "made")
    assert words in str(refused.value)
    assert re.match(r"features\.py:\d+: transform `f`", refused.value.what)


@pytest.mark.parametrize(("code", "words"), rows("in an aggregate's SQL"))
def test_sql(code, words):
    sql = f"select shop, {code} as x from source group by shop"  # noqa: S608
    plan = plan_of(features(aggregates=[view(sql=sql)]), "f")
    [mistake] = mistakes(plan, CONTRACT)
    assert mistake.startswith("aggregate `v`") and words in mistake


@pytest.mark.parametrize(("code", "words"), rows("declared"))
def test_declarations(code, words):
    known = {"Source": Source, "view": view, "features": features}
    with pytest.raises(ConfigError) as refused:
        eval(code, known)  # noqa: S307  the guide's own
    assert words in str(refused.value)
