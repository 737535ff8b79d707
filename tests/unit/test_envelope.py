"""What the name and size of an object decide before anyone opens it."""

import pytest

from tidegate.ingestion.envelope import UNKNOWN, drop_id, inspect
from tidegate.ingestion.notifications import ObjectNotification, is_later


def decided(key, *, size=10, version="v1"):
    found = ObjectNotification(
        event="ObjectCreated:Put",
        bucket="b",
        key=key,
        version_id=version,
        etag="e",
        size_bytes=size,
        sequencer="0A",
        occurred_at="2026-11-27T01:02:03Z",
    )
    return inspect(found, dataset="flights", maximum_mebibytes=1)


@pytest.mark.parametrize(
    ("key", "size", "state", "reason"),
    [
        ("drops/flights/a.csv", 10, "received", ""),
        ("drops/flights/2013/01/a.parquet", 10, "received", ""),
        ("drops/flights/a.csv.gz", 10, "received", ""),
        ("drops/flights/january.manifest", 10, "received", ""),
        ("drops/flights/january.MANIFEST.json", 10, "received", ""),
        ("drops/flights/_january/part-0.parquet", 10, "ignored", "a manifest names it"),
        ("drops/flights/2013/_parts/1/part-0.parquet", 10, "ignored", "a manifest names it"),
        ("drops/flights/_success.csv", 10, "received", ""),  # a folder hides, a name does not
        ("drops/flights/2013/", 0, "ignored", "folder marker"),
        ("elsewhere/a.csv", 10, "ignored", "not under drops/"),
        ("drops/a.csv", 10, "ignored", "not under drops/"),
        ("drops/trains/a.csv", 10, "quarantined", "`trains` is unknown"),
        ("drops/flights/a.docx", 10, "quarantined", "no format"),
        ("drops/flights/a.csv", 0, "quarantined", "0 bytes"),
        ("drops/flights/a.csv", (1 << 20) + 1, "quarantined", "more than 1 MiB"),
    ],
)
def test_an_object_is_received_ignored_or_quarantined_by_its_name_and_size(key, size, state, reason):
    _, decision = decided(key, size=size)
    assert decision.state == state
    assert reason in decision.reason


def test_the_drop_carries_what_the_event_said():
    drop, _ = decided("drops/flights/a.csv")
    assert (drop.dataset, drop.version_id, drop.sequencer) == ("flights", "v1", "0A")
    assert drop.arrived_at == "2026-11-27T01:02:03Z"


def test_an_object_outside_of_any_dataset_is_of_the_unknown_one():
    assert decided("drops/a.csv")[0].dataset == UNKNOWN


def test_versions_have_ids_of_their_own_and_a_version_always_the_same():
    def named(version, etag):
        return drop_id(
            ObjectNotification(
                event="", bucket="b", key="k", version_id=version, etag=etag, size_bytes=1, sequencer=""
            )
        )

    assert named("v1", "e") == named("v1", "other") != named("v2", "e")
    assert named("", "e1") != named("", "e2")  # without versions the content tells them apart


@pytest.mark.parametrize(
    ("one", "other", "later"),
    [
        ("0055AED6DCD90281E6", "0055AED6DCD90281E5", True),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E5", False),
        ("0055AED6", "0055AED6DCD90281E5", False),  # the shorter is padded with zeros on its right
        ("0055AED7", "0055AED6DCD90281E5", True),
        ("0a", "0A", False),
        ("", "", False),
    ],
)
def test_sequencers_compare_as_s3_says(one, other, later):
    assert is_later(one, other) == later
