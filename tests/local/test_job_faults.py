"""A training job that fails, or does not end, fails its execution with its own words and frees the lock."""

import re
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from dropping import put

from tidegate_cli import local, model
from tidegate_cli.assembly import CHECKOUT, synthesize
from tidegate_cli.executions import follow, wait_for_start
from tidegate_cli.narration import Narrator
from tidegate_cli.place import on_this_machine

pytestmark = pytest.mark.slow  # each starts a pipeline of its own

FLIGHTS = CHECKOUT / "examples" / "flights"
# a column of the drop that is known after landing, among the features
LEAKY = (
    ('"visib",\n    ],\n    aggregates', '"visib",\n        "arr_delay",\n    ],\n    aggregates'),
    (
        '"visib",\n        "hour",',
        '"visib",\n        "arr_delay",\n        "hour",',
    ),
)
SMALL = {"minimum_rows": 50, "folds": 2, "trials": 1, "parallel": 1}
# scikit-learn looks at values when it fits
NO_SUCH_VALUE = {"early_stopping": '"sometimes"'}
# 300 rows fit a tree in a millisecond: so many trees take hours
ENDLESS = {"max_iter": 10_000_000, "maximum_runtime_seconds": 8}


def changed(text, values):
    """A pipeline.toml with other values; a key is changed where it stands first."""
    for key, value in values.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text, count=1)
        assert count == 1, key
    return text


@pytest.fixture
def trained(tmp_path, some_flights, flights, request):
    """The ended training execution of a small pipeline whose `pipeline.toml` was changed, and its place."""
    folder = tmp_path / "flights"
    shutil.copytree(FLIGHTS, folder)
    settings = folder / "pipeline.toml"
    values, pieces = request.param if isinstance(request.param, tuple) else (request.param, ())
    settings.write_text(changed(settings.read_text(), SMALL | values))
    features = (folder / "features.py").read_text()
    for old, new in pieces:
        assert old in features
        features = features.replace(old, new, 1)
    (folder / "features.py").write_text(features)
    narrator = Narrator()
    with local.start(synthesize(folder, "dev"), "flights-dev") as started:
        place = on_this_machine(started.cloud)
        moment = datetime.now(UTC) - timedelta(seconds=2)
        put(place, "drops/flights/small.csv", flights.to_csv(some_flights(0)))
        arn = wait_for_start(place, "training", narrator, moment=moment)
        yield follow(place, "training", arn, narrator, seconds=180), place


@pytest.mark.parametrize("trained", [NO_SUCH_VALUE], indirect=True, ids=["a value that does not exist"])
def test_a_job_that_exits_with_an_error_fails_the_run_in_its_own_words(trained):
    ended, place = trained
    assert ended.status == "FAILED"
    assert "The 'early_stopping' parameter of HistGradientBoostingClassifier must be" in ended.cause
    assert model.state(place, "lock#training") is None
    assert model.packages(place) == []


@pytest.mark.parametrize("trained", [ENDLESS], indirect=True, ids=["a fit without end"])
def test_a_job_that_does_not_end_is_stopped_at_its_limit(trained):
    ended, place = trained
    assert ended.status == "FAILED"
    assert "No objective metrics found after running 1 training jobs" in ended.cause  # as SageMaker says it
    sagemaker = place.client("sagemaker")
    (trial,) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    described = sagemaker.describe_training_job(TrainingJobName=trial["TrainingJobName"])
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert described["TrainingTimeInSeconds"] >= 8
    assert model.state(place, "lock#training") is None
    assert model.packages(place) == []


@pytest.mark.parametrize("trained", [({}, LEAKY)], indirect=True, ids=["a column of the future"])
def test_rows_with_a_leak_fail_the_run_with_the_column_and_the_evidence(trained):
    ended, place = trained
    assert ended.status == "FAILED"
    assert "target leak in `arr_delay`" in ended.cause
    assert "`arr_delay` alone tells the label: AUC" in ended.cause
    assert model.state(place, "lock#training") is None
    assert model.packages(place) == []
