"""The monitoring job as SageMaker runs it: a process, its folders, and nothing else."""

import dataclasses
import datetime as dt
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from served_model import archived, write_artefact
from serving_account import plan

from tidegate.monitoring.explained import trained
from tidegate.monitoring.reference import Reference
from tidegate.profile import BASELINE_RANKS, Profile, profile_batches
from tidegate.training import artefact

REPOSITORY = Path(__file__).parents[2]
TRAINED, WINDOW = 2000, 600
_numbers = itertools.count()


def rows(count):
    """Requests whose columns repeat evenly: any thousand of them are distributed as any other."""
    return [
        {
            "carrier": ("UA", "AA", "B6", "DL")[i % 4],
            "origin": ("EWR", "JFK")[i % 2],
            "dest": ("ORD", "LAX", "SFO", "MIA", "BOS")[i % 5],
            "distance": 500 + i % 100,
            "hour": i % 24,
            "humid": float(i % 50),
            "wind_speed": float(i % 20),
            "precip": (i % 10) / 10,
            "visib": 10.0,
        }
        for i in range(count)
    ]


def vector(row, number):
    """The features of a Friday's row, in declared order; the aggregates are spread evenly."""
    angle = 2 * math.pi * row["hour"] / 24
    texts = [row[name] for name in ("carrier", "origin", "dest")]
    numbers = [row[name] for name in ("humid", "wind_speed", "precip", "visib", "hour")]
    rest = [math.sin(angle), math.cos(angle), 4.0, math.log1p(row["distance"])]
    return [*texts, *numbers, *rest, *aggregates(number).values()]


def aggregates(number):
    return {
        "carrier_delay_rate_7d": (number % 7) / 7,
        "origin_delay_rate_7d": 3 * (number % 11) / 10 - 1.5,
    }


def record(row, probability, *, saw=None, **metadata):
    """One captured request with its aggregates, as an endpoint of ours captures it."""
    instance = {"scheduled_departure": "2013-03-01T13:30:00Z", **row, "carrier_delay_rate_7d": None}
    answer = {"predictions": [{"probability": probability}], "model": "run-1"}
    if saw is not None:
        answer["vectors"] = [saw]
    sides = {"endpointInput": {"instances": [instance]}, "endpointOutput": answer}
    captured = {name: {"data": json.dumps(side), "encoding": "JSON"} for name, side in sides.items()}
    event = {"eventId": f"e-{next(_numbers)}", **metadata}
    return json.dumps({"captureData": captured, "eventMetadata": event}) + "\n"


def probability(number):
    return (number % 60) / 60


def lines(changed=lambda row, number: row, count=WINDOW):
    return [record(changed(row, i), probability(i)) for i, row in enumerate(rows(count))]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_artefact(tmp_path_factory.mktemp("model"))


@pytest.fixture
def measure(tmp_path, model):
    """Measure a window of these lines against the training rows; the report's documents by name."""

    def run(captured, *, baseline=True, reference=None):
        (tmp_path / "pipeline").mkdir()
        (tmp_path / "pipeline" / "plan.json").write_text(json.dumps(plan().to_json()))
        inputs = tmp_path / "ml" / "processing" / "input"
        folder = inputs / "captures" / "2013" / "03" / "01" / "13"
        folder.mkdir(parents=True)
        half = len(captured) // 2
        for name, part in (("30-00-000-a", captured[:half]), ("31-00-000-b", captured[half:])):
            (folder / f"{name}.jsonl").write_text("".join(part))
        if baseline:
            write_profile(inputs / "baseline" / "profile.parquet", pa.Table.from_pylist(rows(TRAINED)))
        predicted = pa.table({"probability": [probability(i) for i in range(TRAINED)]})
        write_profile(inputs / "predictions" / "predictions.parquet", predicted)
        if reference is not None:
            (inputs / "reference").mkdir()
            reference.write(inputs / "reference")
            (inputs / "model").mkdir()
            (inputs / "model" / "model.tar.gz").write_bytes(archived(model))
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY),
            "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"),
            "sagemaker_endpoint_name": "flights-dev-endpoint",
            "start_time": "2013-03-01T13:00:00+00:00",
            "end_time": "2013-03-01T14:00:00+00:00",
        }
        return subprocess.run(
            [sys.executable, "-m", "training_jobs.entry", "measure"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture
def measured(measure, tmp_path):
    def report(captured, **given):
        done = measure(captured, **given)
        assert done.returncode == 0, done.stderr
        folder = tmp_path / "ml" / "processing" / "output" / "report"
        return {
            file.stem: json.loads(file.read_text(), parse_constant=no_number)
            for file in folder.glob("*.json")
        }

    return report


def no_number(word):
    raise AssertionError(f"{word} is no JSON")


def write_profile(path, table):
    path.parent.mkdir(parents=True)
    pq.write_table(profile_batches(table.to_batches(), ranks=BASELINE_RANKS).to_table(), path)


def values(measurement):
    return {each["MetricName"]: each["Value"] for each in measurement["metrics"]}


def test_traffic_like_the_training_rows_has_not_drifted(measured):
    report = measured(lines())
    measurement = report["measurement"]
    # nobody kept a reference of this model
    assert (measurement["domain"]["status"], measurement["attribution"]["status"]) == ("insufficient",) * 2
    assert measurement["weighted_drift"] is None
    assert not {"DomainAuc", "AttributionDrift"} & set(values(measurement))
    summary = measurement["summary"]
    assert (summary["rows"], summary["unreadable"], summary["drifted"]) == (WINDOW, 0, [])
    assert summary["statuses"] == {"stable": 9}
    assert summary["prediction"]["status"] == "stable"
    assert values(report["measurement"])["DriftedFeatureCount"] == 0
    assert report["constraint_violations"] == {"violations": []}


def test_a_shifted_column_is_named_with_its_psi(measured):
    # Half of the training rows left from EWR; four in five of the window do.
    # PSI = (0.8 - 0.5) ln(0.8 / 0.5) + (0.2 - 0.5) ln(0.2 / 0.5)
    psi = 0.3 * math.log(1.6) - 0.3 * math.log(0.4)
    report = measured(lines(lambda row, i: row | {"origin": "JFK" if i % 5 == 0 else "EWR"}))
    [found] = report["measurement"]["summary"]["drifted"]
    assert (found["column"], found["status"]) == ("origin", "alarm")
    assert found["psi"] == pytest.approx(psi, rel=0.02)
    assert found["p"] < 1e-6
    assert report["measurement"]["summary"]["worst"] == found
    metrics = values(report["measurement"])
    assert metrics["DriftedFeatureCount"] == 1
    assert metrics["DriftScoreMax"] == pytest.approx(psi, rel=0.02)
    [violation] = report["constraint_violations"]["violations"]
    assert (violation["feature_name"], violation["constraint_check_type"]) == (
        "origin",
        "baseline_drift_check",
    )


def test_shifted_predictions_are_told_apart_from_the_columns(measured):
    captured = [record(row, probability(i) ** 3) for i, row in enumerate(rows(WINDOW))]
    report = measured(captured)
    assert report["measurement"]["summary"]["drifted"] == []
    assert report["measurement"]["summary"]["prediction"]["status"] == "alarm"
    assert values(report["measurement"])["PredictionDriftScore"] > 0.25


def test_metrics_are_members_of_put_metric_data_for_the_endpoint(measured):
    for metric in measured(lines())["measurement"]["metrics"]:
        assert metric["Dimensions"] == [{"Name": "Endpoint", "Value": "flights-dev-endpoint"}]
        assert (metric["Unit"], metric["StorageResolution"]) == ("None", 1)  # dev alarms on ten seconds
        assert math.isfinite(metric["Value"])


def test_statistics_and_constraints_read_as_model_monitors(measured):
    report = measured(lines())
    document = report["statistics"]
    features = {feature["name"]: feature for feature in document["features"]}
    assert (document["version"], document["dataset"]) == (0, {"item_count": WINDOW})
    assert {name: feature["inferred_type"] for name, feature in features.items()} == {
        **dict.fromkeys(("carrier", "origin", "dest"), "String"),
        **dict.fromkeys(("distance", "hour"), "Integral"),
        **dict.fromkeys(("humid", "wind_speed", "precip", "visib"), "Fractional"),
    }
    hours = [row["hour"] for row in rows(WINDOW)]
    numbers = features["hour"]["numerical_statistics"]
    assert numbers["common"] == {"num_present": WINDOW, "num_missing": 0}
    assert numbers["mean"] == pytest.approx(statistics.fmean(hours))
    assert numbers["std_dev"] == pytest.approx(statistics.pstdev(hours))
    assert (numbers["min"], numbers["max"], numbers["sum"]) == (0, 23, pytest.approx(sum(hours)))
    buckets = numbers["distribution"]["kll"]["buckets"]
    assert len(buckets) == 10 and sum(bucket["count"] for bucket in buckets) == pytest.approx(WINDOW)
    texts = features["origin"]["string_statistics"]["distribution"]["categorical"]["buckets"]
    assert texts == [{"value": "EWR", "count": 300}, {"value": "JFK", "count": 300}]
    domains = {
        f["name"]: f.get("string_constraints", {}).get("domains") for f in report["constraints"]["features"]
    }
    assert domains["origin"] == ["EWR", "JFK"]


def test_what_cannot_be_read_or_came_before_is_counted_and_golden_rows_are_left_out(measured):
    golden = [record(row, 0.0, inferenceId=f"golden-{i}") for i, row in enumerate(rows(50))]
    once = lines()
    report = measured([*once, once[0][:90] + "\n", "{}\n", *golden, *once[:100]])
    assert report["measurement"]["summary"]["repeated"] == 100
    assert values(report["measurement"])["RowsMeasured"] == WINDOW
    assert values(report["measurement"])["UnreadableRecords"] == 2


def test_values_of_another_type_count_as_missing_and_the_rest_is_measured(measured):
    wrong = {"hour": "eight", "carrier": 7, "distance": 10**30, "humid": "wet", "visib": True}
    report = measured(lines(lambda row, i: row | wrong if i == 0 else row))
    missing = {
        feature["name"]: next(iter(statistics for key, statistics in feature.items() if "stat" in key))[
            "common"
        ]
        for feature in report["statistics"]["features"]
    }
    assert {name for name, common in missing.items() if common["num_missing"]} >= {
        *("hour", "carrier", "distance", "humid")
    }
    assert missing["origin"]["num_missing"] == 0


def test_a_window_without_one_readable_row_says_so_instead_of_no_drift(measured):
    report = measured(["{}\n"] * 5)
    summary = report["measurement"]["summary"]
    assert (summary["rows"], summary["unreadable"]) == (0, 5)
    assert summary["statuses"] == {"insufficient": 9}
    assert summary["prediction"]["status"] == "insufficient"


def test_a_missing_baseline_ends_the_job_with_its_own_message(measure, tmp_path):
    done = measure(lines(count=1), baseline=False)
    assert done.returncode == 1
    failure = (tmp_path / "ml" / "output" / "failure").read_text()
    assert failure.startswith("FileNotFoundError: ") and "profile.parquet" in failure


def test_requests_that_break_the_contract_are_counted_by_rule(measured):
    captured = lines(lambda row, i: row | {"hour": 25} if i % 10 == 0 else row)
    captured += [record({**rows(1)[0], "origin": "SFO", "dest": None}, 0.5)]
    measurement = measured(captured)["measurement"]
    found = measurement["inputs"]["out_of_contract"]
    assert (found["rows"], measurement["summary"]["out_of_contract"]) == (61, 61)
    assert values(measurement)["OutOfContractShare"] == pytest.approx(61 / 601)
    counted = {(rule["rule"], *rule["columns"]): rule["rows"] for rule in found["rules"]}
    assert counted == {("range", "hour"): 60, ("enum", "origin"): 1, ("required", "dest"): 1}
    unknown = {each["column"]: each["unknown_values"] for each in measurement["inputs"]["columns"]}
    assert unknown["origin"] == ["SFO"]


def reference_of(model, **changes):
    """What the evaluation of a model of these training rows keeps."""
    kept = [row | aggregates(i) for i, row in enumerate(rows(TRAINED))]
    table = pa.Table.from_pylist(kept)
    departure = pa.array([dt.datetime(2013, 3, 1, 13, 30, tzinfo=dt.UTC)] * TRAINED)
    table = table.append_column("scheduled_departure", departure)
    bare = Reference(rows=table, attributions={}, importances={"origin": 0.75, "hour": 0.25})
    return dataclasses.replace(bare, **({"attributions": trained(artefact.read(model), bare, 1)} | changes))


def seen(changed=lambda row, number: row):
    window = [changed(row, i) for i, row in enumerate(rows(WINDOW))]
    return [record(row, probability(i), saw=vector(row, i)) for i, row in enumerate(window)]


def test_traffic_like_training_is_not_told_apart_and_rests_on_the_same_features(measured, model):
    measurement = measured(seen(), reference=reference_of(model))["measurement"]
    assert measurement["domain"]["status"] == "stable"
    assert (measurement["attribution"]["status"], measurement["attribution"]["rows"]) == ("stable", 500)
    top = [each["feature"] for each in measurement["attribution"]["features"][:2]]
    assert set(top) == {"carrier", "origin_delay_rate_7d"}  # of which alone its labels were made
    assert measurement["weighted_drift"] == pytest.approx(0, abs=0.001)
    metrics = values(measurement)
    assert metrics["DomainAuc"] < 0.55
    assert metrics["AttributionDrift"] < 0.02


def test_moved_traffic_is_told_apart_and_weighed_by_what_its_columns_are_worth(measured, model):
    attributions = dict.fromkeys(plan().features.features, 0.0) | {"precip": 1.0}
    moved = seen(lambda row, i: row | {"origin": "JFK" if i % 5 == 0 else "EWR"})
    report = measured(moved, reference=reference_of(model, attributions=attributions))
    measurement = report["measurement"]
    assert measurement["domain"]["status"] == "alarm"
    # in training each carrier left from one airport, so those two columns tell it together
    assert {each["column"] for each in measurement["domain"]["columns"][:2]} == {"origin", "carrier"}
    psi = 0.3 * math.log(1.6) - 0.3 * math.log(0.4)
    assert measurement["weighted_drift"] == pytest.approx(0.75 * psi, rel=0.02)
    assert measurement["weighted_drifted_share"] == pytest.approx(0.75)
    # all rested on precip, which this model hardly looks at: third or later of 14
    assert measurement["attribution"]["status"] == "alarm"
    assert 1 - 1 / math.log2(4) <= measurement["attribution"]["drift"] <= 1 - 1 / math.log2(15)
    assert values(measurement)["AttributionDrift"] == measurement["attribution"]["drift"]


def test_the_profiles_that_the_page_draws_lie_beside_the_report(measure, tmp_path):
    measure([record(row, 0.1 * (i % 10)) for i, row in enumerate(rows(WINDOW))])
    folder = tmp_path / "ml" / "processing" / "output" / "report"
    requests, answers = (
        Profile.from_table(pq.read_table(folder / f"{name}.parquet")) for name in ("requests", "answers")
    )
    assert requests.rows == answers.rows == WINDOW
    assert requests.columns["hour"].counts[0] == WINDOW // 24  # hours come in turn
    assert list(answers.columns) == ["probability"]
