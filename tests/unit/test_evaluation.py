"""A whole evaluation on made-up rows with planted faults, and what is told of slices and features."""

import json

import numpy as np
import pytest

from tidegate.evaluation import feature_value, slices
from tidegate.evaluation.documents import small_and_details
from tidegate.evaluation.evaluation import evaluate
from tidegate.evaluation.resampled import Scorer
from tidegate.evaluation.resampling import Days, Draws, Interval
from tidegate.evaluation.subject import Answers, Subject
from tidegate.settings.gate_section import CostsSection, FairnessSection, GateSection
from tidegate.training import metrics

DAY = 86_400.0
ROWS = 6000
AUC = Scorer("roc_auc", metrics.roc_auc)


def planted(seed=0):
    """Labels, the truth about them, carriers and moments of 30 days."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(size=ROWS) - 1
    labels = (draw.random(ROWS) < 1 / (1 + np.exp(-truth))).astype(np.int8)
    carriers = draw.choice(["UA", "AA", "B6", "VX"], ROWS, p=[0.5, 0.3, 0.18, 0.02]).astype(object)
    moments = np.sort(draw.random(ROWS)) * 30 * DAY
    return draw, truth, labels, carriers, moments


def subject(candidate, champion, labels, carriers, moments, **more):
    told = {"task": "binary", "scorer": AUC, "labels": labels, "moments": moments}
    told |= {"columns": {"carrier": carriers, "distance": np.arange(ROWS, dtype=np.float64)}}
    told |= {"candidate": Answers(run="new", predictions=candidate, threshold=more.pop("threshold", None))}
    told |= {"champion": None if champion is None else Answers(run="old", predictions=champion)}
    baselines = {"majority": np.full(ROWS, labels.mean()), "linear": 1 - candidate}
    return Subject(**told | {"baselines": baselines} | more)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def checks(found):
    return {check.name: check for check in found.gate.checks}


def test_a_better_candidate_passes_and_the_documents_are_json_and_small():
    draw, truth, labels, carriers, moments = planted()
    champion = sigmoid(truth + draw.normal(size=ROWS) * 2)
    section = GateSection(slices=("carrier", "distance"), bootstrap_replicates=200)
    found = evaluate(subject(sigmoid(truth), champion, labels, carriers, moments), section, seed=1)
    assert found.gate.passed and found.days == 30
    assert found.gate.difference.value == pytest.approx(
        metrics.roc_auc(labels, truth) - metrics.roc_auc(labels, champion)
    )
    assert found.baselines["majority"].metric.value == 0.5
    small, details = small_and_details(found)
    text = json.dumps(small, allow_nan=False)
    assert len(text) < 20_000 and json.loads(text)["gate"]["passed"] is True
    # VX has some 120 rows; distances are cut into quarters
    named = {(each["column"], each["value"]) for each in json.loads(json.dumps(details))["slices"]}
    assert {value for column, value in named if column == "carrier"} == {"UA", "AA", "B6"}
    assert len([1 for column, _ in named if column == "distance"]) == 4


def test_a_candidate_that_ruins_one_slice_is_refused_though_better_on_the_whole():
    draw, truth, labels, carriers, moments = planted()
    ruined = np.where(carriers == "B6", draw.normal(size=ROWS), truth)
    champion = sigmoid(truth + draw.normal(size=ROWS) * 2)
    section = GateSection(slices=("carrier",), bootstrap_replicates=300, calibration_margin=1)
    found = evaluate(subject(sigmoid(ruined), champion, labels, carriers, moments), section, seed=1)
    assert found.gate.difference.value > 0.01
    assert [name for name, check in checks(found).items() if not check.passed and check.refuses] == [
        "worst_slice"
    ]
    assert (found.slices[0].value, found.slices[0].adjusted_p < 0.001) == ("B6", True)
    assert "`carrier` B6" in checks(found)["worst_slice"].sentence


def test_holms_correction_is_over_the_slices():
    _, _, labels, carriers, moments = planted()
    draws = Draws.of(Days.of(moments), 200, seed=0)
    noise, other = np.random.default_rng(3).random((2, ROWS))
    made = slices.compare(
        slices.parts({"carrier": carriers}, ["carrier"]),
        AUC,
        labels,
        draws,
        candidate=noise,
        champion=other,
        minimum_rows=200,
        needs_classes=True,
    )
    assert len(made) == 3
    one = slices.compare(
        [("carrier", made[0].value, carriers == made[0].value)],
        AUC,
        labels,
        draws,
        candidate=noise,
        champion=other,
        minimum_rows=200,
        needs_classes=True,
    )
    assert made[0].adjusted_p == pytest.approx(min(1, 3 * one[0].adjusted_p))


def test_numbers_are_cut_at_quartiles_each_row_in_one_part_and_missing_apart():
    numbers = np.r_[np.arange(100.0), np.nan, np.nan]
    made = list(slices.parts({"x": numbers}, ["x"]))
    assert [(told, int(rows.sum())) for _, told, rows in made] == [
        ("0 to 24.75", 25),
        ("24.75 to 49.5", 25),
        ("49.5 to 74.25", 25),
        ("74.25 to 99", 25),
        ("missing", 2),
    ]
    assert sum(rows.astype(int) for _, _, rows in made).tolist() == [1] * 102
    few = list(slices.parts({"x": np.array([1.0, 2.0, 2.0])}, ["x"]))
    assert [(told, int(rows.sum())) for _, told, rows in few] == [("1", 1), ("2", 2), ("missing", 0)]


def test_a_candidate_that_exaggerates_is_refused_by_its_calibration():
    draw, truth, labels, carriers, moments = planted()
    champion = sigmoid(truth + draw.normal(size=ROWS) * 0.3)
    found = evaluate(
        subject(sigmoid(3 * truth), champion, labels, carriers, moments),
        GateSection(bootstrap_replicates=200),
        seed=1,
    )
    assert not checks(found)["calibration"].passed and not found.gate.passed
    assert found.candidate.reliability.error.value > found.champion.reliability.error.value + 0.05


def test_costs_are_of_the_models_own_thresholds_and_only_warn():
    _, truth, labels, carriers, moments = planted()
    section = GateSection(
        costs=CostsSection(false_positive=1, false_negative=5),
        fairness=FairnessSection(sensitive="carrier", demographic_parity=0.5),
        bootstrap_replicates=200,
    )
    same = sigmoid(truth)
    found = evaluate(
        subject(same, same, labels, carriers, moments, threshold=1 / 6), section, seed=1
    )  # the champion has no threshold of its own, so the candidate's
    paid = (5 * (labels & (same < 1 / 6)) + ((1 - labels) & (same >= 1 / 6))).mean()
    assert found.costs.candidate.value == pytest.approx(paid)
    assert found.costs.saved == Interval(0.0, 0.0, 0.0) and found.costs.mcnemar.p_value == 1.0
    assert found.costs.one_answer == pytest.approx(min(5 * labels.mean(), 1 - labels.mean()))
    assert not checks(found)["cheaper_than_one_answer"].refuses
    assert checks(found)["demographic_parity"].passed
    assert found.fairness.groups[0].selected == pytest.approx((same[carriers == "UA"] >= 1 / 6).mean())


def test_the_first_model_has_nothing_to_be_compared_with():
    _, truth, labels, carriers, moments = planted()
    found = evaluate(
        subject(sigmoid(truth), None, labels, carriers, moments), GateSection(slices=("carrier",)), seed=1
    )
    assert found.gate.passed and found.champion is None and found.gate.difference is None
    assert set(checks(found)) == {"beats_majority", "beats_linear"}
    assert [each.champion for each in found.slices] == [None] * 3


@pytest.mark.parametrize(
    ("task", "scorer"),
    [
        ("regression", Scorer("neg_mean_absolute_error", lambda y, p: -float(np.abs(y - p).mean()))),
        ("multiclass", Scorer("accuracy", lambda y, p: float((p.argmax(axis=1) == y).mean()))),
    ],
)
def test_other_tasks_are_judged_by_the_same_law(task, scorer):
    draw, truth, _, carriers, moments = planted()
    if task == "regression":
        labels, good, bad = truth, truth + draw.normal(size=ROWS) * 0.1, truth + draw.normal(size=ROWS)
        baseline = np.full(ROWS, truth.mean())
    else:
        labels = draw.integers(0, 3, ROWS)
        good = 0.8 * np.eye(3)[labels] + 0.2 / 3
        bad = np.where((np.arange(ROWS) % 2 == 0)[:, None], good, good[:, [1, 2, 0]])  # half of it wrong
        baseline = np.tile([0.4, 0.3, 0.3], (ROWS, 1))
    section = GateSection(slices=("carrier",), bootstrap_replicates=200)
    about = {"task": task, "scorer": scorer, "baselines": {"majority": baseline}}
    won = evaluate(subject(good, bad, labels, carriers, moments, **about), section, seed=1)
    lost = evaluate(subject(bad, good, labels, carriers, moments, **about), section, seed=1)
    assert won.gate.passed and not lost.gate.passed
    assert won.gate.difference.low > 0 > lost.gate.difference.high
    json.dumps(small_and_details(won), allow_nan=False)


def test_a_feature_is_worth_what_is_lost_by_shuffling_it_and_noise_is_no_better_than_its_shadow():
    from sklearn.ensemble import HistGradientBoostingClassifier

    draw = np.random.default_rng(8)
    train, test = draw.normal(size=(2, 800, 3))
    train[:, 2], test[:, 2] = draw.integers(0, 5, (2, 800))

    def labels_of(rows):
        chance = sigmoid(2 * rows[:, 0] + (rows[:, 2] == 3))  # the second column is noise
        return (np.random.default_rng(9).random(len(rows)) < chance).astype(int)

    model = HistGradientBoostingClassifier(
        max_iter=8, learning_rate=0.3, categorical_features=[2], random_state=0
    ).fit(train, labels_of(train))
    truth = labels_of(test)

    def score(predictions):
        return metrics.roc_auc(truth, predictions)

    own = feature_value.losses(test, lambda m: model.predict_proba(m)[:, 1], score, 0)
    shadowed = feature_value.refitted(model, train, labels_of(train), [2], 0)
    assert shadowed.n_features_in_ == 6 and list(shadowed.categorical_features) == [2, 5]
    beside = feature_value.losses(
        feature_value.with_shadows(test, 1), lambda m: shadowed.predict_proba(m)[:, 1], score, 0
    )
    found = feature_value.values(["signal", "noise", "kind"], own, beside)
    assert found[0].feature == "signal"
    by_name = {each.feature: each for each in found}
    assert by_name["signal"].loss > 0.2 > by_name["kind"].loss > by_name["noise"].loss
    assert not by_name["signal"].is_no_better_than_its_shadow
    assert abs(by_name["noise"].loss) < 0.03


def test_a_feature_beside_a_better_shadow_is_named():
    own = np.array([[0.2] * 5, [0.01] * 5])
    beside = np.array([[0.2] * 5, [0.004] * 5, [0.001] * 5, [0.005] * 5])
    found = feature_value.values(["good", "idle"], own, beside)
    assert [each.feature for each in found if each.is_no_better_than_its_shadow] == ["idle"]
    assert found[0].deviation == 0 and found[1].shadow == pytest.approx(0.005)


def test_shadows_keep_the_values_of_their_columns_and_lose_their_rows():
    matrix = np.arange(40.0).reshape(20, 2)
    both = feature_value.with_shadows(matrix, 3)
    assert (both[:, :2] == matrix).all()
    assert (np.sort(both[:, 2:], axis=0) == matrix).all() and (both[:, 2:] != matrix).any()
