"""What the pipeline remembers of views and feature sets."""

from dataclasses import replace

import pytest
from features_account import create_table
from serving_account import plan

from tidegate.aws import feature_sets
from tidegate.aws.state import State, ViewState

COMPUTED = ViewState(
    computed_from=3600,
    computed_to=7200,
    revision=4,
    entities=3,
    online=2,
    coverage=2 / 3,
    recorded_at="2026-03-01T12:00:00Z",
    needed_at="2026-03-01T12:00:00Z",
)


@pytest.fixture
def state(aws):
    dynamodb, table = aws.client("dynamodb"), aws.name("state")
    create_table(dynamodb, table, "id")
    return State(dynamodb, table)


def test_a_view_that_nobody_computed_has_no_state(state):
    assert state.view("carrier_delay@0123456789abcdef") is None


def test_what_was_computed_of_a_view_is_read_as_written(state):
    assert state.record_view("v@1", COMPUTED)
    assert state.view("v@1") == COMPUTED
    assert state.view("v@2") is None


def test_a_run_of_an_older_revision_does_not_overwrite_a_newer_one(state):
    state.record_view("v@1", COMPUTED)
    assert not state.record_view("v@1", replace(COMPUTED, revision=3, computed_to=0))
    assert state.view("v@1") == COMPUTED
    for revision in (4, 5):
        newer = replace(COMPUTED, revision=revision, online=3, coverage=1.0)
        assert state.record_view("v@1", newer)
        assert state.view("v@1") == newer


def test_a_feature_set_lies_in_the_lake_under_its_hash(aws):
    s3, lake = aws.client("s3"), aws.name("lake")
    s3.create_bucket(Bucket=lake)
    features = plan().features
    feature_sets.put(s3, lake, features)
    feature_sets.put(s3, lake, features)
    [kept] = s3.list_objects_v2(Bucket=lake)["Contents"]
    assert kept["Key"] == f"features/sets/{features.hash}.json"
    assert feature_sets.get(s3, lake, features.hash) == features
    with pytest.raises(LookupError, match="feature set 0123456789012345 is not in the lake"):
        feature_sets.get(s3, lake, "0123456789" * 6)
