"""Manifests: drops of several objects."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import DropUnreadableError
from tidegate.ingestion.formats import is_manifest
from tidegate.ingestion.manifest import Entry, parse


def manifest(*urls, **more):
    return json.dumps({"entries": [{"url": url, "mandatory": True, **more} for url in urls]}).encode()


def test_the_entries_of_an_unload_are_read_in_their_order():
    body = b"""{
      "entries": [
        {"url": "s3://raw/drops/trips/0001_part_00.parquet", "meta": {"content_length": 1204}},
        {"url": "s3://raw/drops/trips/0000_part_00.parquet", "mandatory": false}
      ],
      "meta": {"record_count": 12}
    }"""
    assert parse(body, bucket="raw") == (
        Entry(bucket="raw", key="drops/trips/0001_part_00.parquet", mandatory=True, size=1204),
        Entry(bucket="raw", key="drops/trips/0000_part_00.parquet", mandatory=False, size=None),
    )


def test_a_percent_sign_and_a_plus_of_a_key_stay_what_they_are():
    [entry] = parse(manifest("s3://raw/drops/a%20b+c d/x.csv"), bucket="raw")
    assert entry.key == "drops/a%20b+c d/x.csv"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no list of `entries`"),
        (b'{"files": []}', "no list of `entries`"),
        (b'{"entries": {}}', "no list of `entries`"),
        (b'{"entries": []}', "no entries"),
        (b'{"entries": ["s3://raw/a.csv"]}', "`url` is null"),
        (manifest("https://raw/a.csv"), "`url` is"),
        (manifest("s3://raw/a.csv", "s3://raw/a.csv"), "names `a.csv` 2 times"),
        (manifest("s3://raw/a.csv", "s3://other/b.csv"), "lies in bucket `other`, the manifest in `raw`"),
        (manifest("s3://raw/a.xlsx"), "of no format that is read"),
        (manifest("s3://raw/"), "of no format that is read"),
        (manifest("s3://raw/b.manifest"), "a manifest itself"),
        (manifest("s3://raw/a.csv", mandatory="yes"), "`mandatory` is"),
        (manifest("s3://raw/a.csv", meta={"content_length": -1}), "`content_length` is -1"),
        (manifest("s3://raw/a.csv", meta={"content_length": "9"}), "`content_length` is"),
    ],
)
def test_what_is_no_manifest_is_refused_in_words(body, told):
    with pytest.raises(DropUnreadableError) as refused:
        parse(body, bucket="raw")
    assert told in str(refused.value)


def test_a_manifest_of_too_many_entries_is_refused():
    body = manifest(*(f"s3://raw/{number}.csv" for number in range(1001)))
    with pytest.raises(DropUnreadableError, match="1001 entries; at most 1000"):
        parse(body, bucket="raw")
    assert len(parse(body, bucket="raw", maximum_entries=1001)) == 1001


@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        ("drops/trips/day.manifest", True),
        ("drops/trips/DAY.manifest.json", True),
        ("drops/trips/manifest", False),
        ("drops/trips/.manifest", False),
        ("drops/trips.manifest/day.csv", False),
        ("drops/trips/manifest.json", False),
    ],
)
def test_a_manifest_is_known_by_its_name(key, is_one):
    assert is_manifest(key) == is_one


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "mandatory", "meta", "content_length"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(entries=json_values)
def test_any_json_gives_entries_or_a_refusal(entries):
    try:
        parsed = parse(json.dumps({"entries": entries}).encode(), bucket="raw")
    except DropUnreadableError:
        return
    assert all(entry.bucket == "raw" for entry in parsed)
