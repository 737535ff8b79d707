"""Classes and numbers all the way: trained, evaluated and served as the container runs them."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from serving_account import FLIGHTS
from sklearn.metrics import log_loss, mean_absolute_error
from test_training_jobs import ROWS, SCORE, Jobs, instances, labelled, plan_document

from tidegate.monitoring.expected_errors import ErrorModel, unlicensed
from tidegate.monitoring.reference import ERRORS

CLASSES = ["early", "late", "on time"]


def of_numbers(count, first=0):
    """Minutes late: an hour and some chance for a carrier that always is."""
    rows = labelled(count, first=first)
    noise = np.random.default_rng(first).normal(0, 20, count)
    return with_label(rows, pa.array(60 * rows["carrier_delay_rate_7d"].to_numpy() + noise))


def of_classes(count, first=0):
    minutes = of_numbers(count, first)["label"].to_numpy()
    return with_label(
        labelled(count, first=first),
        pa.array(np.select([minutes < 15, minutes > 40], CLASSES[:2], CLASSES[2])),
    )


def with_label(rows, values):
    return rows.set_column(rows.column_names.index("label"), "label", values)


@pytest.fixture(
    scope="module",
    params=[
        ("regression", "sklearn.ensemble.RandomForestRegressor", "neg_mean_absolute_error", of_numbers),
        ("multiclass", "sklearn.linear_model.LogisticRegression", "neg_log_loss", of_classes),
    ],
    ids=["regression", "multiclass"],
)
def task(request, tmp_path_factory):
    """A pipeline of that task, its trained model and its evaluation."""
    name, estimator, metric, rows = request.param
    folder = tmp_path_factory.mktemp("image")
    (folder / "pipeline").mkdir()
    document = plan_document()
    parameters = {"n_estimators": 20} if "Forest" in estimator else {}
    document["config"]["training"] |= {
        "task": name,
        "estimator": estimator,
        "metric": metric,
        "parameters": parameters,
        "calibration_share": 0.3,
        "tuning": document["config"]["training"]["tuning"] | {"space": {}},
    }
    document["config"]["gate"] |= {"minimum_metric": None}
    (folder / "pipeline" / "plan.json").write_text(json.dumps(document))
    shutil.copy(FLIGHTS / "features.py", folder / "pipeline")
    jobs = Jobs(folder, tmp_path_factory)
    root, done = jobs.train(rows=rows(ROWS), purpose="final", run="run-1")
    assert done.code == 0, done.err
    test = rows(300, first=1000)
    out, evaluated = jobs.evaluate(test, train=rows(ROWS), candidate=root / "model")
    assert evaluated.code == 0, evaluated.err
    return SimpleNamespace(
        name=name, jobs=jobs, model=root / "model", trained=done, test=test, out=out, metric=metric
    )


def test_what_is_served_scores_as_the_evaluation_said_and_beats_a_guess(task):
    with task.jobs.serve(task.model) as server:
        status, answer = server.invoke({"instances": instances(task.test)})
    assert status == 200
    truth = task.test["label"].to_pylist()
    if task.name == "regression":
        score = -mean_absolute_error(truth, [each["value"] for each in answer["predictions"]])
    else:
        told = [[each["probabilities"][name] for name in CLASSES] for each in answer["predictions"]]
        score = -log_loss(truth, told, labels=CLASSES)
        assert [each["label"] for each in answer["predictions"]] == [
            CLASSES[i] for i in np.argmax(told, axis=1)
        ]
    found = json.loads((task.out / "evaluation.json").read_text())
    assert found["metric"] == task.metric
    assert found["candidate"]["metric"] == pytest.approx(score, rel=1e-9)
    assert found["gate"]["passed"], found["gate"]
    assert set(found["baselines"]) == {"majority", "linear", "previous_value"}
    assert found["baselines"]["previous_value"]["gain"]["low"] > 0  # nothing follows from the last outcome


def test_the_trained_model_is_compiled_and_its_parity_recorded(task):
    manifest = json.loads((task.model / "manifest.json").read_text())
    assert manifest["runtime"] == "compiled"
    parity = manifest["parity"]
    assert (parity["rows"], parity["edge_rows"], parity["reason"]) == (manifest["rows"], 10_000, "")
    assert parity["largest"] <= 1e-12


def test_golden_rows_hold_the_answers_that_the_server_gives(task):
    rows = json.loads((task.out / "golden.json").read_text())["rows"]
    with task.jobs.serve(task.model) as server:
        _, answer = server.invoke({"instances": [row["instance"] for row in rows]})
    assert answer["predictions"] == [row["answer"] for row in rows]


def test_the_profile_of_predictions_has_what_is_watched_of_an_answer(task):
    columns = pq.read_table(task.out / "predictions.parquet")["column"].to_pylist()
    watched = {"regression": {"value"}, "multiclass": {"label", "confidence"}}[task.name]
    assert set(columns) == watched


def test_a_model_of_a_regressions_errors_is_kept_and_held_against_the_test_rows(task):
    file = task.out / "reference" / ERRORS
    assert file.exists() == (task.name == "regression")
    if task.name != "regression":
        return
    document = json.loads(file.read_text())
    check = document["check"]
    assert (document["rows"], check["rows"]) == (0.3 * ROWS, 300)
    evaluation = json.loads((task.out / "evaluation.json").read_text())
    assert check["realised"] == pytest.approx(evaluation["candidate"]["metric"])
    assert check["low"] < check["estimate"] < check["high"]
    # a normal distribution of 20 minutes is off by 16 on average, and the model's own doubt comes on top
    assert check["estimate"] == pytest.approx(-20 * np.sqrt(2 / np.pi), rel=0.2)
    assert unlicensed(ErrorModel.from_json(document), task.metric, margin=1.0) == ""


def test_a_trial_prints_the_mean_of_its_folds(task):
    manifest = json.loads((task.model / "manifest.json").read_text())
    [score] = SCORE.findall(task.trained.out)
    assert float(score) == pytest.approx(np.mean(manifest["cross_validation"]["scores"]), abs=1e-6)
