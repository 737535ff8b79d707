"""Statistics and violations against files that SageMaker Model Monitor's own container made."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from tidegate import monitor_files
from tidegate.profile import profile_batches

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[2] / "../shared/cases")).resolve()
FOLDER = CASES / "model-monitor" / "quality_check_step" / "data_quality"
FIGURES = ("mean", "sum", "std_dev", "min", "max")

pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason=f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
)


def read(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def profile():
    names = [f"_c{number}" for number in range(6)]
    table = pyarrow.csv.read_csv(
        FOLDER / "baseline_dataset.csv",
        read_options=pyarrow.csv.ReadOptions(column_names=names),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64())),
    )
    return profile_batches(table.to_batches())


def test_statistics_are_those_of_the_container(profile):
    ours, theirs = monitor_files.statistics(profile), read("statistics.json")
    assert ours["dataset"]["item_count"] == theirs["dataset"]["item_count"]
    for mine, other in zip(ours["features"], theirs["features"], strict=True):
        assert (mine["name"], mine["inferred_type"]) == (other["name"], other["inferred_type"])
        found, expected = mine["numerical_statistics"], other["numerical_statistics"]
        assert found["common"] == expected["common"]
        assert [found[name] for name in FIGURES] == pytest.approx([expected[name] for name in FIGURES])
        kll, expected_kll = found["distribution"]["kll"], expected["distribution"]["kll"]
        for bucket, expected_bucket in zip(kll["buckets"], expected_kll["buckets"], strict=True):
            assert bucket == pytest.approx(expected_bucket)
        # Ours holds ranks, so the order of the rows is gone.
        assert kll["sketch"]["data"][0] == sorted(expected_kll["sketch"]["data"][0])


def test_the_good_constraints_hold_and_the_bad_ones_do_not(profile):
    good, bad = (
        monitor_files.violations(read(f"{kind}_cases/constraints.json"), profile) for kind in ("good", "bad")
    )
    assert good == {"violations": []}
    assert [(v["feature_name"], v["constraint_check_type"]) for v in bad["violations"]] == [
        ("_c5", "data_type_check")
    ]


def test_our_constraints_hold_for_the_rows_they_were_made_from(profile):
    assert monitor_files.violations(monitor_files.constraints(profile), profile) == {"violations": []}
