"""The jobs as the container runs them: real processes, a folder, and the environment SageMaker documents."""

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from serving_account import FLIGHTS, VERSIONS, plan
from sklearn.metrics import roc_auc_score

from tidegate.feature_store.feature_hash import digest
from tidegate.feature_store.looked_up import flat
from tidegate.feature_store.transforms import feature_columns
from tidegate.monitoring.reference import LABELS, Reference
from tidegate.profile import Profile
from tidegate.serving import files
from tidegate.serving.instances import from_json
from tidegate.training import artefact
from tidegate.training.calibration import apply

REPOSITORY = Path(__file__).parents[2]
START = datetime(2013, 1, 1, tzinfo=UTC)
ROWS = 600
CARRIER = VERSIONS["carrier_delay"]
TUNED = {"learning_rate": "0.2", "max_leaf_nodes": "8", "min_samples_leaf": "20"}
# of step_functions/training.asl.json, as SageMaker reads a job's output
SCORE = re.compile(r"\[metric\] validation:score=([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?);")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A working directory as in the image: `pipeline/` in it, code on the path; each job has its own root."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "pipeline").mkdir()
    (folder / "pipeline" / "plan.json").write_text(json.dumps(plan_document()))
    shutil.copy(FLIGHTS / "features.py", folder / "pipeline")
    return Jobs(folder, tmp_path_factory)


def plan_document():
    document = plan().to_json()
    training = {**document["config"]["training"], "folds": 2, "gap_hours": 6, "parameters": {"max_iter": 8}}
    gate = {**document["config"]["gate"], "bootstrap_replicates": 100}
    return {**document, "config": {**document["config"], "training": training, "gate": gate}}


class Jobs:
    def __init__(self, folder, tmp_path_factory):
        self.folder = folder
        self.new_root = lambda: tmp_path_factory.mktemp("ml")

    def environment(self, root, **more):
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SAGEMAKER_BASE_DIR": str(root),
            "PIPELINE_DIR": "pipeline",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **more,
        }

    def argv(self, job):
        return [sys.executable, "-m", "training_jobs.entry", job]

    def run(self, job, root):
        done = subprocess.run(
            self.argv(job),
            cwd=self.folder,
            env=self.environment(root),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        failure = root / "output" / "failure"
        return SimpleNamespace(
            code=done.returncode,
            out=done.stdout,
            err=done.stderr,
            failure=failure.read_text() if failure.exists() else None,
        )

    def train(self, *, rows=None, root=None, **hyperparameters):
        root = root or self.new_root()
        channel, config = root / "input" / "data" / "train", root / "input" / "config"
        channel.mkdir(parents=True)
        config.mkdir(parents=True)
        if isinstance(rows, bytes):
            (channel / "part-0.parquet").write_bytes(rows)
        else:
            pq.write_table(labelled(ROWS) if rows is None else rows, channel / "part-0.parquet")
        given = {**TUNED, "_tuning_objective_metric": "validation:score", **hyperparameters}
        (config / "hyperparameters.json").write_text(json.dumps(given))
        return root, self.run("train", root)

    def evaluate(self, rows, *, train=None, **models):
        root = self.new_root()
        inputs = root / "processing" / "input"
        for channel, table in (("train", train or labelled(ROWS)), ("test", rows)):
            (inputs / channel).mkdir(parents=True)
            pq.write_table(table, inputs / channel / "part-0.parquet")
        for channel, model in models.items():
            (inputs / channel).mkdir()
            with tarfile.open(inputs / channel / "model.tar.gz", "w:gz") as archive:
                archive.add(model, arcname=".")
        done = self.run("evaluate", root)
        return root / "processing" / "output" / "evaluation", done

    @contextmanager
    def serve(self, model, **environment):
        """A serving process over a copy of `model`, once it listens."""
        root = self.new_root()
        shutil.copytree(model, root / "model")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = self.environment(root, SAGEMAKER_BIND_TO_PORT=str(port), **environment)
        process = subprocess.Popen(
            self.argv("serve"), cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True
        )
        try:
            _wait_until_open(port, process)
            yield Served(port, process)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


class Served:
    def __init__(self, port, process):
        self.port, self.process = port, process

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None

    def invoke(self, document):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.ask("POST", "/invocations", body)


def _wait_until_open(port, process, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the server did not start: {process.stderr.read()}")


def labelled(count, *, first=0, label=None):
    """An hour from row to row; late when the carrier's rate is high, mostly."""
    draw = np.random.default_rng(first + 7)
    rate = draw.random(count)
    labels = (
        (rate + 0.3 * draw.normal(size=count) > 0.5).astype(np.int8)
        if label is None
        else np.full(count, label)
    )
    moments = [START + timedelta(hours=first + n) for n in range(count)]
    time_type = pa.timestamp("us", "UTC")
    columns = {
        "scheduled_departure": pa.array(moments, time_type),
        "carrier": draw.choice(["UA", "AA", "B6"], count),
        "origin": draw.choice(["EWR", "JFK"], count),
        "dest": draw.choice(["ORD", "LAX", "SFO"], count),
        "distance": draw.integers(200, 2500, count),
        "hour": [moment.hour for moment in moments],
        "humid": draw.uniform(20, 90, count),
        "wind_speed": pa.array([None if n % 10 == 0 else 5.0 + n % 7 for n in range(count)]),
        "precip": np.zeros(count),
        "visib": np.full(count, 10.0),
        "carrier_delay_rate_7d": rate,
        "origin_delay_rate_7d": pa.array([None if n % 5 == 0 else 0.2 for n in range(count)]),
        "label": pa.array(labels, pa.int8()),
        "event_ts": pa.array(moments, time_type),
        "label_known_ts": pa.array([moment + timedelta(hours=2) for moment in moments], time_type),
    }
    return pa.table(columns)


@pytest.fixture(scope="module")
def final(jobs):
    """One chosen configuration, trained and packed."""
    root, done = jobs.train(purpose="final", run="run-1", snapshot="flights@7")
    assert done.code == 0, done.err
    return SimpleNamespace(model=root / "model", done=done)


@pytest.fixture(scope="module")
def weak(jobs):
    """A model that learned next to nothing."""
    root, done = jobs.train(purpose="final", run="run-0", min_samples_leaf="200", learning_rate="0.001")
    assert done.code == 0, done.err
    return root / "model"


@pytest.fixture(scope="module")
def evaluated(jobs, final, weak):
    out, done = jobs.evaluate(labelled(300, first=1000), candidate=final.model, champion=weak)
    assert done.code == 0, done.err
    return out


@pytest.fixture(scope="module")
def served(jobs, final):
    with jobs.serve(final.model) as server:
        yield server


def value(rate, at="2013-02-11T16:00:00Z"):
    """A usable value of carrier_delay at that moment, which is the first of the test rows if no other."""
    moment = int(datetime.fromisoformat(at).timestamp())
    return {"v": {"carrier_delay_rate_7d": rate}, "et": moment, "kt": moment}


def instances(table):
    """Rows as Predict sends them."""
    return [
        {
            **{name: row[name] for name in plan().features.request},
            "scheduled_departure": row["scheduled_departure"].isoformat(),
            "views": {
                view.version: {
                    "v": {name: row[name] for name in view.outputs},
                    "et": int(row["event_ts"].timestamp()),
                }
                for view in plan().features.views
            },
        }
        for row in table.to_pylist()
    ]


def digests(model):
    return json.loads((model / "manifest.json").read_text())["sha256"]


def golden(evaluated):
    return json.loads((evaluated / "golden.json").read_text())["rows"]


def test_a_trial_prints_one_score_and_leaves_nothing(jobs):
    root, done = jobs.train(purpose="trial")
    assert done.code == 0, done.err
    [score] = SCORE.findall(done.out)
    assert 0.6 < float(score) <= 1
    assert not (root / "model").exists() and done.failure is None


def test_a_trial_that_was_interrupted_goes_on_from_its_checkpoints(jobs):
    root = jobs.new_root()
    (root / "checkpoints").mkdir()
    kept = {"of": {"given": {**TUNED, "purpose": "trial"}, "rows": ROWS}, "done": {"None/0": [0.25, 7]}}
    (root / "checkpoints" / "folds.json").write_text(json.dumps(kept))
    _, done = jobs.train(root=root, purpose="trial")
    assert done.code == 0, done.err
    told = dict(re.findall(r"\[metric\] validation:(\w+)=(.*);", done.out))
    assert told["folds"] == "2"
    # of two folds the mean lies as far from the one that is known as its spread
    assert float(told["score"]) - float(told["score_std"]) == pytest.approx(0.25)
    finished = json.loads((root / "checkpoints" / "folds.json").read_text())["done"]
    assert finished["None/0"] == [0.25, 7] and finished["None/1"][0] > 0.5


def test_the_chosen_configuration_is_packed_with_its_facts(final):
    assert len(SCORE.findall(final.done.out)) == 1
    manifest = json.loads((final.model / "manifest.json").read_text())
    assert (manifest["run"], manifest["snapshot"], manifest["rows"]) == ("run-1", "flights@7", ROWS)
    assert manifest["feature_hash"] == plan().features.hash
    provenance = manifest["provenance"]
    assert provenance["contract_hash"] == digest(plan().contract.to_json())
    assert [fold["validate_rows"] > 0 for fold in provenance["folds"]] == [True, True]
    assert provenance["gap_seconds"] >= 6 * 3600
    assert manifest["parameters"] == {
        "learning_rate": 0.2,
        "max_leaf_nodes": 8,
        "min_samples_leaf": 20,
        "max_iter": 8,
    }
    assert manifest["guess"] == pytest.approx(np.mean(labelled(ROWS)["label"].to_numpy()))
    scores = manifest["cross_validation"]["scores"]
    assert len(scores) == 2
    assert float(SCORE.findall(final.done.out)[0]) == pytest.approx(np.mean(scores), abs=1e-6)
    assert sorted(path.name for path in final.model.iterdir()) == sorted(manifest["sha256"])
    inputs = manifest["inputs"]
    channel = final.model.parent / "input" / "data" / "train" / "part-0.parquet"
    assert inputs["rows"] == {"part-0.parquet": hashlib.sha256(channel.read_bytes()).hexdigest()}
    assert inputs["hyperparameters"] == {
        **TUNED,
        "purpose": "final",
        "run": "run-1",
        "snapshot": "flights@7",
    }
    assert inputs["contract_hash"] == plan().contract.hash
    assert inputs["training"]["folds"] == 2


def test_the_same_inputs_give_the_same_bytes_in_another_process(jobs, final, weak):
    root, _ = jobs.train(purpose="final", run="run-1", snapshot="flights@7")
    assert digests(root / "model") == digests(final.model)
    assert digests(weak)["model.skops"] != digests(final.model)["model.skops"]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        pytest.param(b"PAR1 no more", "TidegateError: `part-0.parquet` is not a Parquet file", id="damaged"),
        pytest.param(
            labelled(1).slice(0, 0), "InsufficientDataError: no rows in the channel `train`", id="empty"
        ),
        pytest.param(
            labelled(80, label=1), "InsufficientDataError: none of 2 folds can be scored", id="one class"
        ),
    ],
)
def test_a_channel_that_cannot_be_trained_on_fails_with_the_jobs_own_words(jobs, rows, what):
    root, done = jobs.train(rows=rows, purpose="final")
    assert done.code == 1
    assert done.failure.startswith(what) and len(done.failure) <= 1024
    assert "Traceback" not in done.err and not SCORE.search(done.out)
    assert not (root / "model").exists()


def test_a_leak_fails_the_job_before_anything_is_fitted_and_names_its_column(jobs):
    rows = labelled(ROWS)
    place = rows.column_names.index("humid")
    told = rows["label"].cast(pa.float64())
    root, done = jobs.train(rows=rows.set_column(place, "humid", told), purpose="trial")
    assert done.code == 1
    assert done.failure.startswith(
        "LeakDetectedError: target leak in `humid`\n  cause: `humid` alone is the label"
    )
    assert not SCORE.search(done.out) and not (root / "model").exists()


def test_a_nested_estimate_by_group_and_time_and_a_trusted_column_are_facts_of_the_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    (folder / "pipeline").mkdir()
    document = plan_document()
    document["config"]["training"] |= {
        "split": "group-time",
        "group": "distance",
        "nested_trials": 2,
        "gap_hours": 1,
        "trusted": [{"column": "humid", "reason": "of the morning's forecast"}],
    }
    (folder / "pipeline" / "plan.json").write_text(json.dumps(document))
    shutil.copy(FLIGHTS / "features.py", folder / "pipeline")
    rows = labelled(2 * ROWS)
    rows = rows.set_column(rows.column_names.index("humid"), "humid", rows["label"].cast(pa.float64()))
    root, done = Jobs(folder, tmp_path_factory).train(rows=rows, purpose="final")
    assert done.code == 0, done.err
    manifest = json.loads((root / "model" / "manifest.json").read_text())
    validation = manifest["cross_validation"]
    assert (validation["split"], validation["gap_hours"]) == ("group-time", 2)  # labels take 2 hours
    assert validation["nested"]["trials"] == 2
    assert len(validation["nested"]["scores"]) == 2
    [fact] = manifest["trusted"]
    assert (fact["column"], fact["reason"]) == ("humid", "of the morning's forecast")
    assert fact["found"][0]["kind"] == "target"


def test_the_users_own_mistake_is_told_with_the_line_to_change(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    (folder / "pipeline").mkdir()
    (folder / "pipeline" / "plan.json").write_text(json.dumps(plan_document()))
    text = (FLIGHTS / "features.py").read_text().replace("np.log1p(distance)", "np.percentile(distance, 200)")
    (folder / "pipeline" / "features.py").write_text(text)
    line = text[: text.index("np.percentile")].count("\n") + 1
    _, done = Jobs(folder, tmp_path_factory).train(purpose="trial")
    assert done.code == 1
    assert done.failure.startswith("ValueError: Percentiles must be in the range [0, 100]")
    assert done.failure.endswith(
        f"cause: pipeline/features.py:{line}  return (np.percentile(distance, 200),)"
    )


def test_evaluation_compares_with_the_champion_on_the_same_rows(evaluated):
    found = json.loads((evaluated / "evaluation.json").read_text())
    assert (found["metric"], found["rows"]) == ("roc_auc", 300)
    assert (found["candidate"]["run"], found["champion"]["run"]) == ("run-1", "run-0")
    assert found["baselines"]["majority"]["metric"]["value"] == 0.5
    gate = found["gate"]
    assert gate["passed"] is True
    assert [check["name"] for check in gate["checks"] if check["refuses"]] == [
        "minimum_metric",
        "beats_majority",
        "not_worse_than_champion",
        "gain_over_champion",
        "more_than_luck",
        "calibration",
    ]
    assert gate["difference"]["value"] == pytest.approx(
        found["candidate"]["metric"] - found["champion"]["metric"]
    )
    interval = found["candidate"]["interval"]
    assert interval["low"] < interval["value"] < interval["high"]
    calibration = found["calibration"]
    assert (calibration["rows"], calibration["realised"]) == (300, found["candidate"]["metric"])
    assert calibration["low"] < calibration["estimate"] < calibration["high"]


def test_baselines_learn_from_the_training_rows_and_answer_the_test_rows(evaluated):
    found = json.loads((evaluated / "evaluation.json").read_text())
    gains = {name: each["gain"]["value"] for name, each in found["baselines"].items()}
    assert set(gains) == {"majority", "linear", "previous_value"}
    table = labelled(300, first=1000)
    # the label follows the rate of its row and nothing before it: the line knows the rate, the past nothing
    rate = table["carrier_delay_rate_7d"].to_numpy()
    of_rate = roc_auc_score(table["label"].to_numpy(), rate)
    assert found["baselines"]["linear"]["metric"]["value"] == pytest.approx(of_rate, abs=0.03)
    assert found["baselines"]["previous_value"]["metric"]["value"] == pytest.approx(0.5, abs=0.08)
    assert gains["previous_value"] > 0.3
    assert found["without_aggregates"] == pytest.approx(0.5, abs=0.15)


def test_the_details_hold_features_that_tell_nothing_and_the_state_machine_reads_little(evaluated):
    small = evaluated / "evaluation.json"
    assert small.stat().st_size < 100_000
    details = json.loads((evaluated / "evaluation-details.json").read_text())
    assert sum(each["rows"] for each in details["reliability"]["candidate"]["bins"]) == 300
    values = {each["feature"]: each["loss"] for each in details["features"]}
    assert set(values) == set(plan().features.features)
    assert details["features"][0]["feature"] == "carrier_delay_rate_7d"
    named = json.loads(small.read_text())["features_no_better_than_shadow"]
    assert "precip" in named and "carrier_delay_rate_7d" not in named  # precip is 0 in every row


@pytest.mark.slow
def test_an_evaluation_of_the_same_models_has_the_same_bytes(jobs, final, weak, evaluated):
    again, _ = jobs.evaluate(labelled(300, first=1000), candidate=final.model, champion=weak)
    for name in ("evaluation-details.json", "golden.json"):
        assert (again / name).read_bytes() == (evaluated / name).read_bytes()


def test_the_first_model_is_evaluated_alone_and_a_model_never_beats_itself(jobs, final):
    alone, done = jobs.evaluate(labelled(300, first=1000), candidate=final.model)
    assert done.code == 0, done.err
    found = json.loads((alone / "evaluation.json").read_text())
    assert found["champion"] is None and found["gate"]["difference"] is None
    assert found["gate"]["passed"] is True

    twin, _ = jobs.evaluate(labelled(300, first=1000), candidate=final.model, champion=final.model)
    gate = json.loads((twin / "evaluation.json").read_text())["gate"]
    assert gate["passed"] is False
    assert gate["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_a_tampered_candidate_is_not_evaluated(jobs, final, tmp_path):
    model = shutil.copytree(final.model, tmp_path / "model")
    (model / "signature.json").write_text((model / "signature.json").read_text().replace("UA", "XX"))
    _, done = jobs.evaluate(labelled(50, first=1000), candidate=model)
    assert done.code == 1
    assert done.failure == "ArtefactError: the artefact was changed\n  cause: other bytes in signature.json"


def test_the_artefact_holds_golden_rows_with_what_its_estimator_says(final):
    """The served model answered them, or /ping would say 503."""
    found = artefact.read(final.model)
    rows = files.golden(final.model, found.manifest)
    assert len(rows) == 21
    assert rows[-1]["instance"]["views"] == {view.version: {"state": "missing"} for view in found.plan.views}
    columns = from_json([flat(found.plan, row["instance"]) for row in rows], found.types)
    matrix = found.encoding.matrix(feature_columns(found.feature_set, columns))
    said = apply(found.calibration, found.estimator.predict_proba(matrix)[:, 1])
    assert [row["answer"]["probability"] for row in rows] == pytest.approx(said.tolist(), abs=1e-12)


def test_golden_rows_cover_missing_aggregates(evaluated):
    rows = golden(evaluated)
    assert len(rows) == 21
    assert set(rows[0]["instance"]) == {*plan().features.request, "views"}
    assert set(rows[0]["instance"]["views"][CARRIER]["v"]) == {"carrier_delay_rate_7d"}
    missing = {"state": "missing"}
    assert rows[-1]["instance"]["views"] == {CARRIER: missing, VERSIONS["origin_delay"]: missing}
    assert all(0 <= row["answer"]["probability"] <= 1 for row in rows)


def test_the_profile_of_predictions_is_written(evaluated):
    assert pq.read_table(evaluated / "predictions.parquet").num_rows > 0


def test_a_reference_of_training_is_kept_for_monitoring(evaluated):
    folder = evaluated / "reference"
    kept = Reference.read(folder)
    features = plan().features
    assert (kept.rows.num_rows, set(kept.rows.column_names)) == (ROWS, set(features.instance))
    assert set(kept.attributions) == set(features.features)
    assert kept.attributions["carrier_delay_rate_7d"] == max(kept.attributions.values()) > 0
    assert kept.attributions["precip"] == 0.0  # 0 in every row
    # what is worth most is looked up by the carrier; nothing is told of the time itself
    assert kept.importances["carrier"] == max(kept.importances.values())
    assert sum(kept.importances.values()) == pytest.approx(1)
    labels = Profile.from_table(pq.read_table(folder / LABELS)).columns["label"]
    table = labelled(ROWS).column("label").to_pylist()
    assert labels.counts == {"0": table.count(0), "1": table.count(1)}


def test_the_server_answers_golden_rows_exactly_and_one_by_one_the_same(served, evaluated):
    assert served.ask("GET", "/ping") == (200, None)
    rows = golden(evaluated)
    status, answer = served.invoke({"instances": [row["instance"] for row in rows]})
    assert (status, answer["model"]) == (200, "run-1")
    assert answer["predictions"] == [row["answer"] for row in rows]
    for row in rows[-3:]:
        _, one = served.invoke({"instances": [row["instance"]]})
        assert one["predictions"] == [row["answer"]]


def test_the_served_model_ranks_as_the_evaluation_said(served, evaluated):
    table = labelled(300, first=1000)
    _, answer = served.invoke({"instances": instances(table)})
    score = roc_auc_score(table["label"].to_numpy(), [each["probability"] for each in answer["predictions"]])
    document = json.loads((evaluated / "evaluation.json").read_text())
    assert score == pytest.approx(document["candidate"]["metric"], abs=1e-12)


@pytest.mark.parametrize(
    ("change", "what", "fields"),
    [
        ({"carrier": ..., "hour": ...}, "instance 1 lacks members", ["carrier", "hour"]),
        ({"distance": "far"}, "`distance` must be a", []),
        ({"distance": 10**400}, "`distance` must be a", []),
        ({"carrier": 7}, "`carrier` must be a string", []),
        ({"scheduled_departure": "soon"}, "`scheduled_departure` must be a timestamp", []),
        ({"scheduled_departure": None}, "`scheduled_departure` must be a timestamp", []),
        ({"views": []}, None, []),  # none, as if it were absent
        ({"views": [1]}, "`views` must be an object", []),
        ({"views": {CARRIER: 0.5}}, f"`views` has something else than a value of {CARRIER}", []),
        ({"views": {CARRIER: {"v": 0.5, "et": 0}}}, None, []),  # of 1970, so stale, whatever it is
        ({"views": {CARRIER: value("high")}}, "`carrier_delay_rate_7d` must be a number", []),
        ({"views": {CARRIER: value([0.5])}}, "`carrier_delay_rate_7d` must be a number", []),
    ],
)
def test_an_instance_that_is_not_as_the_signature_says_is_refused_with_its_fields(
    served, evaluated, change, what, fields
):
    good = golden(evaluated)[0]["instance"]
    bad = {name: value for name, value in {**good, **change}.items() if value is not ...}
    status, answer = served.invoke({"instances": [good, bad]})
    if what is None:
        assert status == 200
        return
    assert (status, answer["error"]["fields"]) == (400, fields)
    assert answer["error"]["what"].startswith(what)


@pytest.mark.parametrize(
    "views",
    [
        ...,
        None,
        {},
        {CARRIER: {"state": "stale", "et": 1}},
        {CARRIER: {"state": "failed"}, VERSIONS["origin_delay"]: {"state": "missing"}},
        {CARRIER: {"v": {"carrier_delay_rate_7d": None}, "et": 1_360_000_000}},
        {CARRIER: {"v": {"carrier_delay_rate_7d": 0.99}, "et": 1_000_000_000}},  # older than the TTL
        {CARRIER: {"v": {"carrier_delay_rate_7d": 0.99}, "et": 2_000_000_000}},  # after the moment
        {"carrier_delay@0000000000000000": {"v": {"carrier_delay_rate_7d": 0.99}, "et": 1_360_000_000}},
    ],
)
def test_every_way_to_have_no_value_is_the_same(served, evaluated, views):
    row = golden(evaluated)[-1]
    instance = {**row["instance"], "views": views}
    if views is ...:
        del instance["views"]
    _, answer = served.invoke({"instances": [instance]})
    assert answer["predictions"] == [row["answer"]]


def test_what_other_models_take_is_none_of_this_ones_business(served, evaluated):
    row = golden(evaluated)[0]
    others = {"carrier_delay@0000000000000000": {"v": {"carrier_delay_rate_7d": 0.99}, "et": 0}, "gate@1": []}
    instance = {**row["instance"], "dep_delay": 3, "carrier_delay_rate_7d": 0.99}
    instance["views"] = {**instance["views"], **others}
    status, answer = served.invoke({"instances": [instance]})
    assert (status, answer["predictions"]) == (200, [row["answer"]])


def test_vectors_are_what_the_model_saw_in_the_declared_order_and_only_when_asked_for(served, evaluated):
    rows = [row["instance"] for row in golden(evaluated)]
    instance = rows[0] | {"carrier": "UA", "distance": 0, "wind_speed": None, "visib": 10, "hour": 8}
    instance["views"] = {CARRIER: value(0.25, at=instance["scheduled_departure"])}
    _, answer = served.invoke({"instances": [instance, rows[-1]], "vectors": True})
    first, last = (dict(zip(plan().features.features, vector, strict=True)) for vector in answer["vectors"])
    assert (first["carrier"], first["carrier_delay_rate_7d"], first["visib"]) == ("UA", 0.25, 10.0)
    assert first["log_distance"] == 0.0  # log(1 + 0 miles)
    assert first["wind_speed"] is None and first["origin_delay_rate_7d"] is None
    assert last["carrier_delay_rate_7d"] is None
    assert "vectors" not in served.invoke({"instances": rows})[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"instances": []}',
        b'{"instances": [1]}',
        b'{"instances": [{"distance": NaN}]}',
        b'{"instances": [{"carrier": "\xff"}]}',
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_request_is_refused(served, body):
    status, answer = served.invoke(body)
    assert status == 400 and answer["error"]["what"]


def test_a_body_that_is_too_large_and_an_unknown_path_are_refused(served):
    assert served.invoke(b" " * (6 * 1024 * 1024 + 1))[0] == 413
    assert served.ask("GET", "/invocations")[0] == 404
    assert served.ask("GET", "/")[0] == 404
    assert served.ask("GET", "/ping")[0] == 200


@pytest.mark.parametrize("name", [*artefact.FILES, artefact.MANIFEST])
def test_a_tampered_model_is_never_healthy_and_says_why(jobs, final, tmp_path, name):
    model = shutil.copytree(final.model, tmp_path / "model")
    data = (model / name).read_bytes()
    (model / name).write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    with jobs.serve(model) as server:
        assert server.ask("GET", "/ping")[0] == 503
        status, answer = server.invoke({"instances": [{}]})
        assert (status, answer["error"]["what"]) == (503, "the model is not ready")
        server.process.send_signal(signal.SIGTERM)
        _, err = server.process.communicate(timeout=25)
    assert "the artefact" in err and name in err


@pytest.mark.parametrize(("named", "status"), [(plan().features.hash, 200), ("f" * 64, 503)])
def test_a_container_whose_package_names_other_features_is_never_healthy(jobs, final, named, status):
    with jobs.serve(final.model, FEATURE_SET_HASH=named) as server:
        assert server.ask("GET", "/ping")[0] == status
        server.process.send_signal(signal.SIGTERM)
        _, err = server.process.communicate(timeout=25)
    assert ("the artefact is of another feature set than its package" in err) == (status == 503)


def test_a_request_in_flight_is_answered_before_the_server_ends(jobs, final, evaluated):
    row = golden(evaluated)[0]
    body = json.dumps({"instances": [row["instance"]]}).encode()
    with jobs.serve(final.model) as server:
        caller = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        caller.sendall(head + body[:10])
        assert server.ask("GET", "/ping")[0] == 200  # by now it has read the head
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.process.poll() is None
        caller.sendall(body[10:])
        answer = http.client.HTTPResponse(caller)
        answer.begin()
        assert answer.status == 200
        assert json.loads(answer.read())["predictions"] == [row["answer"]]
        caller.close()
        server.process.wait(timeout=25)  # SageMaker kills 30 s after SIGTERM


@pytest.mark.parametrize(
    ("arguments", "code", "said"), [([], 2, "no job named"), (["bake"], 1, "no job `bake`")]
)
def test_a_job_that_does_not_exist_is_told_which_do(jobs, arguments, code, said):
    argv = [sys.executable, "-m", "training_jobs.entry", *arguments]
    environment = jobs.environment(jobs.new_root())
    done = subprocess.run(
        argv, cwd=jobs.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code
    assert said in done.stderr and "train, serve, evaluate, measure" in done.stderr


@pytest.fixture(scope="module")
def demanding(tmp_path_factory):
    """The same pipeline with calibration, costs, slices, fairness and budgets declared."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "pipeline").mkdir()
    document = plan_document()
    document["config"]["training"] |= {"calibration": "auto", "calibration_share": 0.3}
    document["config"]["gate"] |= {
        "costs": {"false_positive": 1, "false_negative": 4},
        "fairness": {"sensitive": "origin", "equalized_odds": 0.5, "minimum_rows": 50},
        "slices": ["carrier"],
        "slice_rows": 50,
        "maximum_model_mebibytes": 0.001,
        "maximum_p99_ms": 5000,
    }
    (folder / "pipeline" / "plan.json").write_text(json.dumps(document))
    shutil.copy(FLIGHTS / "features.py", folder / "pipeline")
    jobs = Jobs(folder, tmp_path_factory)
    root, done = jobs.train(purpose="final", run="run-2")
    assert done.code == 0, done.err
    return SimpleNamespace(jobs=jobs, model=root / "model")


def test_calibration_and_threshold_are_learnt_from_the_newest_training_rows(demanding, final):
    manifest = json.loads((demanding.model / "manifest.json").read_text())
    signature = json.loads((demanding.model / "signature.json").read_text())
    assert signature["calibration"]["kind"] == "platt"  # 180 rows are too few for steps
    facts = manifest["calibration"]
    assert (facts["kind"], facts["rows"]) == ("platt", 180)
    newest = labelled(ROWS).slice(420)
    assert facts["positives"] == sum(newest["label"].to_pylist())
    assert facts["from"] == newest["event_ts"][0].as_py().timestamp()
    # a miss costs four false alarms, so alarms begin near one in five
    assert 0.05 < manifest["threshold"]["value"] < 0.45
    assert "threshold" not in json.loads((final.model / "manifest.json").read_text())
    # the estimator itself is the one of all rows, as without
    assert digests(demanding.model)["model.skops"] == digests(final.model)["model.skops"]


def test_the_calibrated_model_serves_what_was_evaluated(demanding, final):
    out, done = demanding.jobs.evaluate(
        labelled(300, first=1000), candidate=demanding.model, champion=final.model
    )
    assert done.code == 0, done.err
    found = json.loads((out / "evaluation.json").read_text())
    failed = [each["name"] for each in found["gate"]["checks"] if not each["passed"] and each["refuses"]]
    assert failed == ["gain_over_champion", "more_than_luck", "model_size"]
    assert found["candidate"]["metric"] == found["champion"]["metric"]  # a sigmoid keeps the order
    assert found["candidate"]["neg_log_loss"] != found["champion"]["neg_log_loss"]
    assert found["costs"]["candidate"]["value"] < found["costs"]["one_answer"]
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p99"]
    rows = golden(out)
    with demanding.jobs.serve(demanding.model) as server:
        _, answer = server.invoke({"instances": [row["instance"] for row in rows]})
    assert answer["predictions"] == [row["answer"] for row in rows]
