"""Captured vectors against rebuilt ones: rows made by hand, their right vectors worked out beside them."""

import math
from collections import Counter

import numpy as np
import pytest

from tidegate.feature_store.feature_file import load, plan_of
from tidegate.feature_store.store_parity import OfflineAnswer
from tidegate.monitoring import skew
from tidegate.monitoring.captured_vectors import CapturedVector
from tidegate.training.artefact import FeatureCode

CODE = """
import numpy as np
from tidegate.features import Entity, FeatureSet, Label, Source, aggregate, transform

source = Source("flights", event_ts="at", known_ts="known")
carrier = aggregate(
    view="carrier", source=source, keys=[Entity("carrier")], window="1d", every="1h", ttl="2d",
    sql="select carrier, avg(y) as rate, count(*) as flights from source group by carrier",
    outputs={"rate": "float64", "flights": "int64"}, defaults={"rate": 0.25},
)
origin = aggregate(
    view="origin", source=source, keys=[Entity("origin")], window="1d", every="1h", ttl="2d",
    sql="select origin, avg(y) as narrow from source group by origin", outputs={"narrow": "float32"},
)


@transform(inputs=["rate", "miles"], outputs={"weighted": "float64"})
def weighted(rate, miles):
    return (rate * miles,)


@transform(inputs=["miles"], outputs={"inverse": "float64"})
def inverse(miles):
    with np.errstate(divide="ignore"):
        return (1.0 / miles,)


made = FeatureSet(
    name="made", label=Label("late", source=source, sql="y"), request=["at", "miles", "carrier", "origin"],
    aggregates=[carrier, origin], transforms=[weighted, inverse],
    features=["carrier", "rate", "flights", "narrow", "weighted", "inverse"],
)
"""
TYPES = {
    "at": "timestamp", "miles": "number", "carrier": "string", "origin": "string",
    **dict.fromkeys(("rate", "flights", "narrow"), "number"),
}  # fmt: skip
RATE, FLIGHTS, NARROW = 0.5, 8, 0.75
VECTOR = ["UA", RATE, FLIGHTS, NARROW, 2.0, 0.25]  # of 4 miles
ONLINE = {"carrier": {"rate": RATE, "flights": FLIGHTS}, "origin": {"narrow": NARROW}}
NO_CARRIER = {"rate": None, "flights": None}


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    file = tmp_path_factory.mktemp("skew") / "features.py"
    file.write_text(CODE)
    made = load(file, "made")
    return FeatureCode(run="run-1", types=TYPES, plan=plan_of(made, "made"), feature_set=made)


@pytest.fixture
def measured(code):
    """The skew of rows made by `captured`, each with what the offline store says."""

    def measure(*rows):
        versions = {view.name: view.version for view in code.plan.views}
        left_out = Counter()
        found = [made(number, versions) for number, (made, _) in enumerate(rows)]
        served = skew.comparable(code, found, left_out)
        answers = [
            offline for (_, offline), row in zip(rows, found, strict=True) if row in [s.row for s in served]
        ]
        by_view = {name: [each[name] for each in answers] for name in versions}
        return skew.measure(code, served, by_view, left_out)

    return measure


def captured(vector=VECTOR, online=ONLINE, offline=ONLINE, model="run-1", **instance):
    """A row; `online` and `offline` are by view: outputs, or entries and answers as they are."""

    def made(number, versions):
        views = {versions[name]: entry_of(value) for name, value in {**ONLINE, **online}.items()}
        request = {"at": "2026-01-01T12:00:00Z", "miles": 4.0, "carrier": "UA", "origin": "EWR"}
        return CapturedVector(
            inference_id=f"i-{number}",
            row=0,
            at=1767268800.0,
            model=model,
            instance=request | {"views": views} | instance,
            vector=vector,
        )

    return made, {name: answer_of(value) for name, value in {**ONLINE, **offline}.items()}


def entry_of(value):
    return (
        value if {"state", "v"} & value.keys() else {"v": value, "et": 1767265200, "kt": 1767265200, "rev": 1}
    )


def answer_of(value):
    return OfflineAnswer(candidates=(value,)) if isinstance(value, dict) else value


def changed(**values):
    names = ["carrier", "rate", "flights", "narrow", "weighted", "inverse"]
    return [values.get(name, value) for name, value in zip(names, VECTOR, strict=True)]


def rates(found):
    return {each.feature: each.rate for each in found.features if each.rate}


def causes(found):
    return {each.feature: each.causes for each in found.features if each.causes}


def test_right_vectors_have_no_skew(measured):
    found = measured(captured(), captured(), captured())
    assert (found.rows, found.not_compared, found.examples) == (3, {}, ())
    assert [each.rate for each in found.features] == [0.0] * 6
    assert found.look_ups == {"carrier": {"equal": 3}, "origin": {"equal": 3}}


def test_a_looked_up_value_that_the_offline_store_never_had_reaches_what_is_made_of_it(measured):
    # 0.6 online, where the offline store has 0.5
    wrong = captured(
        changed(rate=0.6, weighted=0.6 * 4), online={"carrier": {"rate": 0.6, "flights": FLIGHTS}}
    )
    found = measured(captured(), wrong)
    assert rates(found) == {"rate": 0.5, "weighted": 0.5}
    assert causes(found) == {"rate": {"look_up": 1}, "weighted": {"look_up": 1}}
    assert found.look_ups["carrier"] == {"equal": 1, "different": 1}
    [first, second] = found.examples
    assert (first.feature, first.inference_id, first.captured, first.rebuilt) == ("rate", "i-1", 0.6, 0.5)
    assert (second.feature, second.captured, second.rebuilt) == ("weighted", 2.4, 2.0)
    assert first.at == "2026-01-01T12:00:00+00:00"


def test_a_value_that_the_offline_store_does_not_have_is_a_fault_of_the_look_up(measured):
    found = measured(captured(offline={"carrier": NO_CARRIER}))
    assert causes(found) == {name: {"look_up": 1} for name in ("rate", "flights", "weighted")}
    [rate, flights, weighted] = found.examples
    assert (rate.captured, rate.rebuilt) == (0.5, 0.25)  # the default
    assert (flights.captured, flights.rebuilt) == (8, None)
    assert (weighted.captured, weighted.rebuilt) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("state", "finding"), [("stale", "different"), ("missing", "different"), ("failed", "failed")]
)
def test_a_default_in_place_of_a_value_that_training_would_have_had_is_told_as_such(measured, state, finding):
    vector = changed(rate=0.25, flights=None, weighted=1.0)
    found = measured(captured(vector, online={"carrier": {"state": state}}))
    assert causes(found) == {name: {"default": 1} for name in ("rate", "flights", "weighted")}
    assert found.look_ups["carrier"] == {finding: 1}


def test_no_value_on_both_sides_is_right_when_the_default_stands_in(measured):
    vector = changed(rate=0.25, flights=None, weighted=1.0)
    found = measured(
        captured(vector, online={"carrier": {"state": "stale"}}, offline={"carrier": NO_CARRIER})
    )
    assert rates(found) == {}


TTL = 2 * 86400
NOON = 1767268800  # 2026-01-01T12:00:00Z, the moment of every row


@pytest.mark.parametrize(
    ("event_ts", "usable"), [(NOON, True), (NOON + 1, False), (NOON - TTL, True), (NOON - TTL - 1, False)]
)
def test_a_value_that_was_looked_up_for_models_of_a_longer_ttl_is_none_to_this_one(
    measured, event_ts, usable
):
    online = {"carrier": {"v": ONLINE["carrier"], "et": event_ts, "kt": event_ts, "rev": 1}}
    vector = VECTOR if usable else changed(rate=0.25, flights=None, weighted=1.0)
    offline = {} if usable else {"carrier": NO_CARRIER}
    assert rates(measured(captured(vector, online=online, offline=offline))) == {}
    other = changed(rate=0.25, flights=None, weighted=1.0) if usable else VECTOR
    told = causes(measured(captured(other, online=online, offline=offline)))
    assert told["rate"] == ({"transform": 1} if usable else {"default": 1})


def test_another_default_than_the_models_is_told(measured):
    vector = changed(rate=None, flights=None, weighted=None)
    found = measured(
        captured(vector, online={"carrier": {"state": "missing"}}, offline={"carrier": NO_CARRIER})
    )
    assert causes(found) == {"rate": {"default": 1}, "weighted": {"transform": 1}}


def test_another_output_of_the_same_inputs_is_a_fault_of_the_transform(measured):
    found = measured(captured(changed(weighted=2.125)), captured())
    assert causes(found) == {"weighted": {"transform": 1}}
    assert rates(found) == {"weighted": 0.5}


def test_a_wrong_transform_hides_no_wrong_look_up(measured):
    wrong = captured(
        changed(rate=0.625, weighted=9.0), online={"carrier": {"rate": 0.625, "flights": FLIGHTS}}
    )
    assert causes(measured(wrong)) == {"rate": {"look_up": 1}, "weighted": {"transform": 1}}


def test_four_last_places_are_another_processor_five_are_skew(measured):
    steps = [2.0]
    for _ in range(5):
        steps.append(np.nextafter(steps[-1], 3.0))
    found = measured(captured(changed(weighted=steps[4])), captured(changed(weighted=steps[5])))
    weighted = found.features[4]
    assert (weighted.differing, weighted.causes) == (1, {"transform": 1})
    assert (weighted.inexact, weighted.maximum_ulps) == (1, 4)


def test_the_last_place_of_a_float32_is_its_own(measured):
    # the float32 next to 0.75 is 2^-24 away, 2^29 steps of a double
    near = captured(changed(narrow=0.75 + 4 * 2**-24))
    far = captured(changed(narrow=0.75 + 5 * 2**-24))
    assert rates(measured(near)) == {}
    assert rates(measured(far)) == {"narrow": 1.0}


def test_stored_values_are_copies_so_the_store_must_hold_them_to_the_bit(measured):
    near = np.nextafter(RATE, 1.0)
    found = measured(
        captured(
            changed(rate=near, weighted=4 * near), online={"carrier": {"rate": near, "flights": FLIGHTS}}
        )
    )
    assert found.look_ups["carrier"] == {"different": 1}
    assert rates(found) == {}  # and yet within what another processor may do
    assert {each.feature: each.inexact for each in found.features if each.inexact} == {
        "rate": 1,
        "weighted": 1,
    }


def test_a_missing_number_is_null_in_json_and_nan_in_the_model(measured):
    vector = [*VECTOR[:4], None, None]
    assert rates(measured(captured(vector, miles=None))) == {}
    assert rates(measured(captured([*VECTOR[:4], 0.0, None], miles=None))) == {"weighted": 1.0}


def test_infinity_is_null_in_json_too(measured):
    assert rates(measured(captured([*VECTOR[:4], 0.0, None], miles=0.0))) == {}
    assert rates(measured(captured([*VECTOR[:4], 0.0, math.inf], miles=0.0))) == {}


@pytest.mark.parametrize("told", ["AA", None, 7, "ua"])
def test_text_is_equal_or_not(measured, told):
    found = measured(captured(changed(carrier=told)))
    assert causes(found) == {"carrier": {"transform": 1}}


def test_missing_text_is_equal_to_missing_text(measured):
    assert rates(measured(captured(changed(carrier=None), carrier=None))) == {}


@pytest.mark.parametrize("told", ["0.5", True, [0.5], {"rate": 0.5}, 10**400])
def test_what_is_no_number_is_no_number(measured, told):
    assert rates(measured(captured(changed(rate=told)))) == {"rate": 1.0}


def test_an_earlier_state_within_the_time_of_propagation_is_right(measured):
    newest, before = {"rate": 0.875, "flights": 9}, ONLINE["carrier"]
    found = measured(captured(offline={"carrier": OfflineAnswer(candidates=(newest, before))}))
    assert rates(found) == {}
    assert found.look_ups["carrier"] == {"propagating": 1}


def test_half_of_one_state_and_half_of_another_is_neither(measured):
    states = OfflineAnswer(candidates=({"rate": 0.875, "flights": FLIGHTS}, {"rate": RATE, "flights": 9}))
    found = measured(captured(offline={"carrier": states}))
    assert found.look_ups["carrier"] == {"different": 1}
    assert rates(found) == {"rate": 1.0, "weighted": 1.0}  # against the newest


def test_a_moment_before_the_newest_value_is_no_fault_of_the_store(measured):
    vector = changed(rate=0.25, flights=None, weighted=1.0)
    online = {"carrier": {"state": "missing", "et": 1767276000}}
    newer = OfflineAnswer(candidates=(ONLINE["carrier"],), holds_newer=True)
    found = measured(captured(vector, online=online, offline={"carrier": newer}))
    assert (found.look_ups["carrier"], rates(found)) == ({"past": 1}, {})
    # the same claim without such a row in the offline store is a lie
    found = measured(captured(vector, online=online))
    assert causes(found)["rate"] == {"default": 1}


def test_a_version_that_was_not_looked_up_is_a_missing_value(measured):
    made, offline = captured(changed(rate=0.25, flights=None, weighted=1.0))
    older = lambda number, versions: made(number, {**versions, "carrier": "carrier@0123456789abcdef"})  # noqa: E731
    assert causes(measured((older, offline)))["rate"] == {"default": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (captured(model="run-0"), skew.OTHER_MODEL),
        (captured(VECTOR[:5]), skew.OTHER_LENGTH),
        (captured(miles="far"), skew.MISFIT),
        (captured(at="noon"), skew.MISFIT),
        (captured(at=None), skew.MISFIT),
        (captured(views=[]), skew.MISFIT),
        (captured(online={"carrier": {"rate": "half", "flights": 1}}), skew.MISFIT),
        (captured(offline={"carrier": None}), skew.FORGOTTEN),
    ],
    ids=["model", "length", "number", "time", "no-time", "no-views", "value", "expired"],
)
def test_a_row_that_cannot_be_compared_is_counted_with_its_reason(measured, row, reason):
    found = measured(row, captured())
    assert (found.rows, found.not_compared) == (1, {reason: 1})
    assert rates(found) == {}


def test_without_a_comparable_row_there_is_no_rate_of_zero(measured):
    found = measured(captured(model="run-0"))
    assert (found.rows, found.features, found.worst) == (0, (), None)


def test_the_worst_feature_is_named(measured):
    found = measured(captured(changed(weighted=1.0, inverse=7.0)), captured(changed(inverse=7.0)), captured())
    assert (found.worst.feature, found.worst.rate) == ("inverse", 2 / 3)


def test_a_few_examples_stand_for_many(measured):
    found = measured(*[captured(changed(inverse=7.0))] * 8)
    assert [example.inference_id for example in found.examples] == ["i-0", "i-1", "i-2"]
