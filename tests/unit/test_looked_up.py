"""What a model takes of what was looked up: its own versions, within its own age limit, else its defaults."""

import pytest

from tidegate.feature_store.feature_plan import FeatureSetPlan, LabelPlan, SourcePlan, ViewPlan
from tidegate.feature_store.feature_tally import tally
from tidegate.feature_store.looked_up import flat, fresh, lack_at, lack_of

SOURCE = SourcePlan(dataset="flights", event_ts="at", known_ts="known")
VIEW = ViewPlan(
    name="carrier",
    source=SOURCE,
    keys=("carrier",),
    sql="",
    window_seconds=60,
    every_seconds=60,
    ttl_seconds=100,
    outputs={"rate": "float64", "flights": "int64"},
    defaults={"flights": 0.0},
    hash="a" * 64,
)
PLAN = FeatureSetPlan(
    name="made",
    attribute="made",
    hash="f" * 64,
    source=SOURCE,
    label=LabelPlan(name="late", sql="1"),
    request=("at", "carrier", "hour"),
    views=(VIEW,),
    transforms=(),
    features=("rate", "flights", "hour"),
)
VERSION = "carrier@aaaaaaaaaaaaaaaa"
ROW = {"at": "1970-01-01T00:10:00Z", "carrier": "UA", "hour": 8}  # at 600 s
NOTHING = {"rate": None, "flights": 0.0}  # as declared


def value(rate=0.5, flights=7, et=600, **times):
    return {"v": {"rate": rate, "flights": flights}, "et": et, **times}


@pytest.mark.parametrize(
    ("event", "known", "lack"),
    [
        (600, 600, None),
        (500, 500, None),
        (499, 499, "stale"),
        (601, 601, "missing"),
        (590, 601, "missing"),
        (499, 601, "missing"),
    ],
)
def test_a_value_is_usable_from_when_it_is_known_until_its_limit_of_age(event, known, lack):
    assert lack_at(600, event, known, 100) == lack


@pytest.mark.parametrize(
    ("member", "aggregates", "lack"),
    [
        (value(), {"rate": 0.5, "flights": 7}, None),
        (value(et=500), {"rate": 0.5, "flights": 7}, None),
        (value(flights=None), {"rate": 0.5, "flights": 0.0}, None),
        (value(rate=None), {"rate": None, "flights": 7}, None),
        ({"v": {}, "et": 600}, NOTHING, None),
        (value(et=499), NOTHING, "stale"),  # usable for a model with a longer limit
        (value(et=601), NOTHING, "missing"),
        (value(kt=601), NOTHING, "missing"),
        ({"state": "stale", "et": 499}, NOTHING, "stale"),
        ({"state": "missing"}, NOTHING, "missing"),
        ({"state": "failed"}, NOTHING, "failed"),
        ({"state": "of a later release"}, NOTHING, "missing"),
        ({}, NOTHING, "missing"),
        (None, NOTHING, "missing"),
    ],
)
def test_a_member_gives_its_values_or_the_declared_defaults(member, aggregates, lack):
    assert flat(PLAN, ROW | {"views": {VERSION: member}}) == ROW | aggregates
    assert lack_of(VIEW, member, 600) == lack


@pytest.mark.parametrize("views", [{}, {"views": None}, {"views": {}}, {"views": {"carrier@b": value()}}])
def test_a_version_that_is_not_there_is_no_value(views):
    assert flat(PLAN, ROW | views) == ROW | NOTHING


def test_only_request_columns_and_aggregates_are_taken_and_what_lacks_is_null():
    found = flat(PLAN, {"at": ROW["at"], "rate": 0.9, "tail": "N1", "views": {VERSION: value()}})
    assert found == {"at": ROW["at"], "carrier": None, "hour": None, "rate": 0.5, "flights": 7}


@pytest.mark.parametrize("views", [[1], "text", 3, True])
def test_views_that_are_no_object_are_refused(views):
    with pytest.raises(ValueError, match="`views` must be an object"):
        flat(PLAN, ROW | {"views": views})


@pytest.mark.parametrize("member", [0.5, "text", [1], {"v": 3, "et": 600}, {"v": {}}, {"v": {}, "et": "now"}])
def test_a_member_of_another_shape_is_refused_and_named(member):
    with pytest.raises(ValueError, match=f"`views` has something else than a value of {VERSION}"):
        flat(PLAN, ROW | {"views": {VERSION: member}})


@pytest.mark.parametrize("moment", [None, "soon", 600, [600]])
def test_an_instance_without_its_moment_is_refused(moment):
    with pytest.raises(ValueError, match="`at` must be a timestamp"):
        flat(PLAN, ROW | {"at": moment})


def test_what_is_made_fresh_is_taken_as_it_was_given():
    views = fresh(PLAN, {"rate": 0.25, "flights": 3, "hour": 9}, 600)
    assert views == {VERSION: {"v": {"rate": 0.25, "flights": 3}, "et": 600, "kt": 600}}
    assert flat(PLAN, ROW | {"views": views}) == ROW | {"rate": 0.25, "flights": 3}


def test_look_ups_are_counted_by_what_they_lack():
    members = [value(et=590), value(et=499), value(rate=None), {"state": "failed"}, {"state": "missing"}]
    rows = [ROW] * 4 + [ROW | {"carrier": None}]  # the last names no entity
    made = tally(PLAN, rows, [{VERSION: member} for member in members], [600.0] * 5)
    assert dict(made.counts()) == {
        "FeaturesLookedUp": 10,
        "StaleFeatures": 2,
        "MissingFeatures": 2,
        "FailedFeatures": 2,
        "NullFeatures": 7,
        "EntitiesLookedUp": 3,
        "EntitiesFound": 3,
    }
    assert made.age_seconds == 101.0
    assert made.told() == {lack: ["flights", "rate"] for lack in ("stale", "missing", "failed")}


def test_a_value_of_the_future_is_an_entity_that_was_found_and_has_no_age():
    made = tally(PLAN, [ROW], [{VERSION: {"state": "missing", "et": 700}}], [600.0])
    assert (made.entities, made.entities_found, made.age_seconds) == (1, 1, None)
    assert made.lacking == {"stale": 0, "missing": 2, "failed": 0}
