"""Whether a look starts a training run; windows are named by their number, the newest first in `looks`."""

import pytest

from tidegate.incidents.decision import Circumstances, RetrainingDecision, decide
from tidegate.incidents.look import Look, look
from tidegate.incidents.sections import RetrainingSection

RULES = RetrainingSection(windows=2, of_windows=3, drifted_share=0.3, out_of_contract=0.05, budget_per_day=2)
NOON = 1_700_000_000.0
CALM = Look(run="w", model="m", measured=True, drift=0.1, weighted=True, quality_breach=False)
DRIFTED = {"drift": 0.4, "drifted": ("temp", "hour")}


def window(number, **changes):
    members = {**CALM.to_json(), "run": f"w{number}", **changes}
    return Look(**{name: tuple(v) if isinstance(v, list) else v for name, v in members.items()})


def decided(*looks, rules=RULES, **circumstances):
    return decide(looks, rules, Circumstances(now=NOON, **circumstances), "2023-11-14T22:13:20+00:00")


def test_a_calm_window_asks_for_nothing():
    found = decided(window(3), window(2), window(1))
    assert (found.action, found.cause, found.key, found.evidence) == ("none", None, "", ())


def test_a_breach_of_realised_quality_trains_at_once_under_a_name_made_of_cause_and_window():
    found = decided(window(1, quality_breach=True, quality="roc_auc 0.55 [0.50, 0.60]"))
    assert (found.action, found.cause, found.key) == ("train", "quality", "quality-w1")
    assert found.reason == "realised quality is in breach: roc_auc 0.55 [0.50, 0.60]"


@pytest.mark.parametrize("changes", [DRIFTED, {"estimate_breach": True}], ids=["drift", "estimate"])
@pytest.mark.parametrize(
    ("shown", "action"),
    [((3,), "none"), ((3, 2), "train"), ((3, 1), "train"), ((2, 1), "none"), ((3, 2, 1), "train")],
)
def test_drift_and_an_estimated_drop_need_two_of_three_windows_the_newest_among_them(changes, shown, action):
    looks = [window(number, **(changes if number in shown else {})) for number in (3, 2, 1)]
    assert decided(*looks).action == action


def test_a_fourth_window_back_does_not_count():
    looks = [window(4, **DRIFTED), window(3), window(2), window(1, **DRIFTED)]
    assert decided(*looks).action == "none"


def test_windows_of_another_champion_do_not_count():
    looks = [window(2, **DRIFTED), window(1, model="earlier", **DRIFTED)]
    assert decided(*looks).action == "none"


def test_a_look_with_too_few_rows_takes_no_place_of_a_window():
    looks = [window(3, **DRIFTED), window(2, measured=False, drift=None), window(1, **DRIFTED)]
    found = decided(*looks, rules=RetrainingSection(windows=2, of_windows=2))
    assert found.action == "train"
    assert [each.run for each in found.looks] == ["w3", "w1"]


def test_late_outcomes_that_show_a_breach_train_though_no_window_was_measured():
    found = decided(window(2, measured=False, drift=None, quality_breach=True, quality="0.5"))
    assert (found.action, found.key) == ("train", "quality-w2")


def test_drift_at_its_limit_is_not_above_it():
    assert decided(window(2, drift=0.3), window(1, drift=0.3)).action == "none"


def test_two_causes_at_once_are_one_run_named_by_the_surer_with_the_evidence_of_both():
    bad = {**DRIFTED, "quality_breach": True, "quality": "0.5"}
    found = decided(window(2, **bad), window(1, **DRIFTED))
    assert (found.action, found.key) == ("train", "quality-w2")
    assert found.evidence == (
        "realised quality is in breach: 0.5",
        "the importance of drifted columns is 0.40, above 0.3 in 2 of 2 windows (needs 2): temp, hour",
    )
    assert found.columns == ("temp", "hour")


def test_drift_without_importances_says_that_it_is_unweighted():
    looks = [window(number, **DRIFTED, weighted=False) for number in (2, 1)]
    assert decided(*looks).reason.startswith("the share of drifted columns is 0.40")


@pytest.mark.parametrize(
    ("changes", "circumstances", "words"),
    [
        ({}, {"quarantined": "`drops/a.csv`"}, "the newest drop is quarantined, `drops/a.csv`"),
        ({"out_of_contract": 0.06}, {}, "6.0% of requests break the contract, over 5.0%"),
        ({"suspicious": "all outcomes are 1"}, {}, "the label feed is suspicious: all outcomes are 1"),
        ({"skew": 0.02, "skewed": "hour"}, {"feature_skew": 0.01}, "`hour` is skewed in 2.0% of vectors"),
    ],
    ids=["quarantine", "contract", "labels", "skew"],
)
def test_data_that_is_merely_bad_trains_nothing(changes, circumstances, words):
    found = decided(window(1, quality_breach=True, quality="0.5", **changes), **circumstances)
    assert (found.action, found.cause) == ("hold-off", "quality")
    assert words in found.reason


def test_what_was_not_measured_is_not_bad():
    found = decided(window(1, quality_breach=True, out_of_contract=None, skew=None))
    assert found.action == "train"


def test_bad_data_without_a_cause_to_train_decides_nothing():
    assert decided(window(1, out_of_contract=0.9)).action == "none"


@pytest.mark.parametrize(
    ("circumstances", "words"),
    [
        ({"training": "20231114-ab"}, "a training run is in progress: 20231114-ab"),
        ({"rollout": "flights-dev/3"}, "a rollout is in progress: flights-dev/3"),
        (
            {"last_training": NOON - 100, "cooldown_seconds": 600},
            "the last run began 100 s ago; 500 s of cooldown are left",
        ),
        ({"started_today": 2}, "2 of 2 runs of this day have begun"),
    ],
    ids=["training", "rollout", "cooldown", "budget"],
)
def test_a_cause_waits_while_something_else_is_in_progress_and_says_what(circumstances, words):
    found = decided(window(1, quality_breach=True, quality="0.5"), **circumstances)
    assert (found.action, found.key, found.reason) == ("wait", "quality-w1", words)


def waiting(model="m", cause="quality"):
    return RetrainingDecision(
        run="w1", at="", model=model, action="wait", reason="a rollout", cause=cause, key=f"{cause}-w1",
        evidence=("it was so",), columns=("temp",),
    )  # fmt: skip


def test_what_waited_starts_with_a_later_look_under_its_first_name():
    found = decided(window(2, measured=False, drift=None), waiting=waiting())
    assert (found.action, found.key, found.evidence) == ("train", "quality-w1", ("it was so",))
    assert found.columns == ("temp",)


def test_the_same_cause_in_a_later_window_is_the_one_that_waited():
    found = decided(window(2, quality_breach=True, quality="0.4"), waiting=waiting())
    assert (found.action, found.key) == ("train", "quality-w1")
    assert found.evidence == ("realised quality is in breach: 0.4",)


def test_another_cause_does_not_borrow_the_name():
    looks = (window(2, **DRIFTED), window(1, **DRIFTED))
    found = decided(*looks, waiting=waiting())
    assert (found.key, found.dropped) == ("drift-w2", "quality-w1")


def test_what_waited_is_dropped_by_bad_data_and_waits_on_while_something_is_in_progress():
    assert decided(window(2, measured=False), waiting=waiting(), quarantined="`a`").dropped == "quality-w1"
    found = decided(window(2, measured=False), waiting=waiting(), rollout="m/3")
    assert (found.action, found.key, found.dropped) == ("wait", "quality-w1", "")


def test_what_waited_is_dropped_when_a_window_does_not_show_it_any_more():
    found = decided(window(2), waiting=waiting())
    assert (found.action, found.key, found.dropped) == ("none", "", "quality-w1")
    assert found.reason == "the newest window does not show any more what `quality-w1` waited for"


def test_what_waited_for_a_champion_that_is_gone_is_dropped():
    found = decided(window(2, measured=False, model="newer"), waiting=waiting())
    assert (found.action, found.dropped) == ("none", "quality-w1")


def test_a_schedule_trains_when_the_last_run_is_old():
    rules = RetrainingSection(every_days=7)
    assert decided(window(1), rules=rules, last_training=NOON - 6.9 * 86400).action == "none"
    found = decided(window(1), rules=rules, last_training=NOON - 7.1 * 86400)
    assert (found.action, found.key) == ("train", "schedule-w1")


def test_a_clock_that_was_set_back_does_not_hold_the_cooldown_for_ever():
    later = {"last_training": NOON + 86400, "cooldown_seconds": 600}
    assert decided(window(1, quality_breach=True), **later).action == "train"


def test_a_budget_of_none_never_trains_by_itself():
    found = decided(window(1, quality_breach=True), rules=RetrainingSection(budget_per_day=0))
    assert (found.action, found.reason) == ("wait", "0 of 0 runs of this day have begun")


def test_a_decision_survives_the_way_through_json():
    found = decided(window(2, **DRIFTED), window(1, **DRIFTED))
    assert RetrainingDecision.from_json(found.to_json()) == found


def read(measurement=None, quality=None, skew=None, *, measured=True):
    return look("w1", "m", measured=measured, measurement=measurement, quality=quality, skew=skew)


def test_documents_that_are_not_there_say_not_measured():
    found = read()
    assert (found.measured, found.drift, found.quality_breach, found.estimate_breach) == (False, *[None] * 3)
    assert (found.out_of_contract, found.skew, found.suspicious) == (None, None, "")


def test_the_importance_of_what_drifted_is_read_where_it_is_told():
    found = read({"weighted_drifted_share": 0.42, "summary": {"statuses": {"alarm": 1, "stable": 9}}})
    assert (found.drift, found.weighted) == (0.42, True)


def test_without_it_the_share_of_drifted_columns_stands_in():
    statuses = {"alarm": 2, "stable": 5, "warning": 1, "insufficient": 3, "not comparable": 4}
    found = read({"summary": {"statuses": statuses, "drifted": [{"column": "temp"}]}})
    assert (found.drift, found.weighted, found.drifted) == (2 / 8, False, ("temp",))


@pytest.mark.parametrize(
    ("document", "breach"),
    [
        ({"estimate": {"status": "breach", "value": 0.5}}, True),
        ({"estimate": {"status": "kept", "value": 0.7}}, False),
        ({"estimate": {"status": "unlicensed", "value": None}}, None),
    ],
)
def test_an_estimate_without_a_licence_says_nothing(document, breach):
    assert read({}, document).estimate_breach is breach


def test_a_metric_of_the_measurement_says_more_than_the_estimates_status():
    measurement = {"metrics": [{"MetricName": "EstimateBreaches", "Value": 1.0}]}
    assert read(measurement, {"estimate": {"status": "kept", "value": 0.7}}).estimate_breach is True


def test_realised_quality_is_told_with_its_interval_and_promise():
    realised = {"status": "breach", "value": 0.5, "low": 0.45, "high": 0.55, "rows": 400}
    found = read({}, {"metric": "roc_auc", "promised": {"value": 0.7}, "realised": realised})
    assert found.quality_breach is True
    assert found.quality == "roc_auc 0.5000 [0.4500, 0.5500] of 400 labelled predictions, promised 0.7000"


def poisoned(high):
    trust = {"status": "suspicious", "reasons": ["0.9 are positive, 0.2 in training"]}
    realised = {"status": "suspicious", "value": high - 0.1, "low": high - 0.2, "high": high, "rows": 400}
    labels = {"trust": trust}
    return {"labels": labels, "realised": realised, "promised": {"value": 0.7}, "margin": 0.02}


def test_a_suspicious_label_feed_is_seen_with_its_reasons():
    assert read({}, poisoned(0.69)).suspicious == "0.9 are positive, 0.2 in training"
    assert read({}, {"realised": {"status": "suspicious", "high": None}}).suspicious


@pytest.mark.parametrize(("high", "action"), [(0.67, "hold-off"), (0.69, "none")])
def test_a_breach_by_poisoned_labels_trains_nothing_and_is_told(high, action):
    found = decided(read({}, poisoned(high)))
    assert found.action == action
    assert action == "none" or "the label feed is suspicious: 0.9 are positive" in found.reason


def test_labels_that_are_trusted_are_not_suspicious():
    trust = {"status": "trusted", "reasons": []}
    assert read({}, {"labels": {"trust": trust}, "realised": {"status": "insufficient"}}).suspicious == ""
