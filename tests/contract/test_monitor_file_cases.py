"""Statistics and violations against files that SageMaker Model Monitor's own container made."""

import json
import os
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.csv
import pytest
from moto import mock_aws

from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.messages.ingestion import Reason
from tidegate.monitoring import monitor_checks, monitor_files
from tidegate.profile import profile_batches

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[2] / "../shared/cases")).resolve()
FOLDER = CASES / "model-monitor" / "quality_check_step" / "data_quality"
BUCKET = "monitor-files"

pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason=f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
)


def read(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows():
    names = [f"_c{number}" for number in range(6)]
    return pyarrow.csv.read_csv(
        FOLDER / "baseline_dataset.csv",
        read_options=pyarrow.csv.ReadOptions(column_names=names),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64())),
    )


@pytest.fixture(scope="module")
def profile(rows):
    return profile_batches(rows.to_batches())


def assert_equal(ours, theirs, at="$"):
    """Equal to the last member; numbers to 12 digits, for AWS adds them up in another order."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), at
        for name in theirs:
            assert_equal(ours[name], theirs[name], f"{at}.{name}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), at
        for index, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_equal(mine, other, f"{at}[{index}]")
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12), at
    else:
        assert ours == theirs, at


def test_statistics_are_those_of_the_container_to_the_last_bit(profile):
    assert monitor_files.statistics(profile) == read("statistics.json")


def test_constraints_suggested_are_those_of_the_container(profile):
    assert_equal(
        monitor_files.constraints(profile)["features"], read("good_cases/constraints.json")["features"]
    )


@pytest.mark.parametrize("beside", [None, "statistics.json"])
def test_the_good_constraints_hold_and_the_bad_ones_do_not(profile, beside):
    known = read(beside) if beside else None
    good, bad = (
        monitor_checks.violations(read(f"{kind}_cases/constraints.json"), profile, statistics=known)
        for kind in ("good", "bad")
    )
    assert good == {"violations": []}
    assert bad["violations"] == [
        {
            "feature_name": "_c5",
            "constraint_check_type": "data_type_check",
            "description": "Data type match requirement is not met. Expected data type: String, "
            "Expected match: 100.0%. Observed: Only 0.0% of data is String.",
        }
    ]


def test_our_constraints_hold_for_the_rows_they_were_made_from(profile):
    ours = monitor_files.constraints(profile)
    found = monitor_checks.violations(ours, profile, statistics=monitor_files.statistics(profile))
    assert found == {"violations": []}


def test_the_sdk_reads_the_three_files_of_a_drop(profile, monkeypatch):
    files = pytest.importorskip("sagemaker.core.model_monitor.monitoring_files")
    session_helper = pytest.importorskip("sagemaker.core.helper.session_helper")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    plan = ContractPlan(
        id="p",
        version="1",
        dataset="p",
        hash="",
        columns=tuple(Column(name=name, type="number") for name in profile.columns),
        rules=(Rule(kind="range", columns=("_c0",), minimum=0),),
    )
    reason = Reason(rule="range", column="_c0", severity="error", message="`_c0` is below 0 in 1 of 100 rows")
    documents = {
        files.Statistics: monitor_files.statistics(profile),
        files.Constraints: monitor_files.contract_constraints(plan),
        files.ConstraintViolations: monitor_files.verdict_violations(plan, [reason]),
    }
    with mock_aws():
        session = session_helper.Session(boto3.Session(region_name="eu-central-1"))
        s3 = boto3.client("s3", region_name="eu-central-1")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for kind, document in documents.items():
            s3.put_object(Bucket=BUCKET, Key=kind.__name__, Body=json.dumps(document))
            read_back = kind.from_s3_uri(f"s3://{BUCKET}/{kind.__name__}", sagemaker_session=session)
            assert read_back.body_dict == document
            if kind is files.Constraints:
                read_back.set_monitoring(enable_monitoring=False, feature_name="_c0")
                settings = read_back.body_dict
    below = profile_batches(pa.table({name: [-1.0, 1.0] for name in profile.columns}).to_batches())
    found = monitor_checks.violations(settings, below)["violations"]
    assert found == []  # the contract promises a sign for `_c0` alone, and the SDK switched that off
    del settings["features"][0]["monitoring_config_overrides"]
    [violation] = monitor_checks.violations(settings, below)["violations"]
    assert (violation["feature_name"], violation["constraint_check_type"]) == ("_c0", "is_non_negative_check")
