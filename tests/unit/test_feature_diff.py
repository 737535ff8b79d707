"""What leads from one feature set to another, told of edits to a features.py."""

import pytest

from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate_cli.feature_diff import diff
from tidegate_cli.feature_sets import Named
from tidegate_cli.feature_words import Diff

FILE = """
import numpy as np
from tidegate.features import Entity, FeatureSet, Label, Source, aggregate, transform

source = Source("flights", event_ts="at", known_ts="known")
delays = aggregate(
    view="delays", source=source, keys=[Entity("carrier")], window="7d", every="1h", ttl="14d",
    sql="select carrier, avg(delay) as mean_delay from source group by carrier",
    outputs={"mean_delay": "float64"},
)
taxis = aggregate(
    view="taxis", source=source, keys=[Entity("carrier")], window="90m", every="1m", ttl="1d",
    sql="select carrier, max(taxi) as longest_taxi from source group by carrier",
    outputs={"longest_taxi": "float64"},
)
MILES = 1.609


def kilometres(distance):
    return distance * MILES


@transform(inputs=["distance"], outputs={"far": "float64"})
def far(distance):
    return (kilometres(distance),)


made = FeatureSet(
    name="made", label=Label("late", source=source, sql="delay >= 15"), request=["at", "carrier", "distance"],
    aggregates=[delays], transforms=[far], features=["carrier", "mean_delay", "far"],
)
"""


@pytest.fixture
def compiled(tmp_path):
    def compiled(*edits):
        text = FILE
        for old, new in edits:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (tmp_path / "features.py").write_text(text)
        return FeatureSetPlan.from_json(compile_feature_set(tmp_path / "features.py", "made"))

    return compiled


@pytest.fixture
def told(compiled):
    """The lines for edits, without the two that name the feature sets."""

    def lines(*edits, computed=()):
        a, b = compiled(), compiled(*edits)
        need = [view.version for view in b.views if view.name not in computed]
        return list(Diff(Named("deployed", a), Named("local", b), diff(a, b), need).lines())[2:]

    return lines


def test_a_comment_changes_nothing(told):
    assert told(("MILES = 1.609", "MILES = 1.609  # exactly"), computed=["delays"]) == ["equal"]


def test_a_new_view_and_its_feature_are_told_with_the_backfill_it_needs(told, compiled):
    edits = [
        ("aggregates=[delays]", "aggregates=[delays, taxis]"),
        ('"far"],', '"far", "longest_taxi"],'),
    ]
    version = compiled(*edits).views[1].version
    assert version.startswith("taxis@")
    assert told(*edits, computed=["delays"]) == [
        f"view      + {version}   needs a backfill",
        "feature   + longest_taxi",
    ]


def test_the_member_of_a_view_that_changed_is_told(told, compiled):
    edit = ('window="7d"', 'window="36h"')
    version = compiled(edit).views[0].version
    assert told(edit) == [
        f"view      ~ {version}   needs a backfill",
        "            window    7d -> 36h",
    ]


def test_another_limit_of_age_needs_no_backfill_for_the_rows_are_the_same(compiled):
    a, b = compiled(), compiled(('ttl="14d"', 'ttl="2d"'))
    [view] = diff(a, b).views
    assert (view.change, view.new_rows) == ("changed", False)
    assert view.members == {"ttl_seconds": (14 * 86400, 2 * 86400)}


def test_another_output_of_a_view_is_told_with_both_lists(told):
    lines = told(
        ("avg(delay) as mean_delay from", "avg(delay) as mean_delay, count(*) as flights from"),
        ('outputs={"mean_delay": "float64"}', 'outputs={"mean_delay": "float64", "flights": "int64"}'),
    )
    assert lines[1:] == [
        "            sql       changed",
        "            outputs   mean_delay float64 -> mean_delay float64, flights int64",
    ]


def test_the_order_of_a_transforms_inputs_counts(compiled):
    argument = ("def far(distance)", "def far(distance, mean_delay)")
    a = compiled(('inputs=["distance"]', 'inputs=["distance", "mean_delay"]'), argument)
    b = compiled(('inputs=["distance"]', 'inputs=["mean_delay", "distance"]'), argument)
    [transform] = diff(a, b).transforms
    assert (transform.name, transform.members) == (
        "far",
        {
            "inputs": (
                ["distance float64", "mean_delay float64"],
                ["mean_delay float64", "distance float64"],
            )
        },
    )


def test_a_helpers_constant_changes_the_code_of_the_transform_that_reads_it(told):
    assert told(("MILES = 1.609", "MILES = 1.852"), computed=["delays"]) == [
        "transform ~ far",
        "            code      changed",
    ]


def test_a_transform_that_goes_takes_its_feature_along_and_order_counts(told):
    edits = [
        ("transforms=[far]", "transforms=[]"),
        ('"carrier", "mean_delay", "far"', '"mean_delay", "carrier"'),
    ]
    assert told(*edits, computed=["delays"]) == [
        "transform - far",
        "feature   - far",
        "feature   ~ the order of those that both have",
    ]


@pytest.mark.parametrize(
    "columns, said",
    [
        ('"at", "carrier", "distance", "weather"', "+ weather"),
        ('"at", "distance", "carrier"', "the order of the same"),
    ],
)
def test_what_a_caller_sends_is_told_by_what_came_and_went(told, columns, said):
    edit = ('request=["at", "carrier", "distance"]', f"request=[{columns}]")
    assert told(edit, computed=["delays"]) == [f"request   {said}"]


def test_another_label_is_a_difference(compiled):
    a, b = compiled(), compiled(("delay >= 15", "delay >= 30"))
    found = diff(a, b)
    assert found.members == {
        "label": ({"name": "late", "sql": "delay >= 15"}, {"name": "late", "sql": "delay >= 30"})
    }
    assert not found.empty


def test_equal_definitions_of_other_libraries_differ(compiled):
    a = compiled()
    b = FeatureSetPlan.from_json({**a.to_json(), "hash": "0" * 64})
    assert diff(a, b).libraries and not diff(a, b).empty
