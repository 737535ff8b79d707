"""However a drop is split: the same rows, the same failed values, the same places."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import PLAN, as_parquet, batches_of, contract, outcome, rows_of

from tidegate.contract.plan import Column
from tidegate.errors import DropUnreadableError
from tidegate.messages.ingestion import Shard
from tidegate.readers import plan_shards, read_batches
from tidegate.readers.records import field_quotes, first_record_end, last_record_end

SHARD_BYTES = st.sampled_from([32, 64, 100, 257, 1000])

texts = st.one_of(
    st.sampled_from(["", "Ada", "Doe, Jo", 'say "hi"', "two\nlines", "Zoë", "a\r\nb", ",", '"', "\n", "NA"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8),
)
numbers = st.sampled_from(["", "1", "-2", "3.0", "+4", "0x1f", " 7", "twelve", "NA", "9" * 30, "1.5", '"8"'])
heights = st.sampled_from(["", "1.65", "nan", "-inf", "1e3", "1e400", ".5", "+2.5", "1,5", "tall", "NaN(1)"])
members = st.sampled_from(["", "true", "FALSE", "yes", "0", "perhaps"])
days = st.sampled_from(["", "2013-01-01", "2013-02-30", "0000-01-01", "9999-12-31", "1.1.2013"])
times = st.sampled_from(
    [
        "",
        "2013-01-01T10:00:00Z",
        "2013-07-01 12:00:00",
        "2013-01-01",
        "2013-01-01 10",
        "2013-01-01T10:00+01",
        "2013-01-01T10:00:00.1234567Z",
        "2013-03-31 02:30:00",
        "0000-01-01 00:00:00",
        "soon",
    ]
)


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


@st.composite
def csv_bodies(draw):
    """Records of every kind, with quotes where none are needed, and ends of lines of both kinds."""
    lines = ["name,age,height,member,born,seen"]
    for row in draw(st.lists(st.tuples(texts, numbers, heights, members, days, times), max_size=40)):
        fields = [quoted(row[0]), row[1], quoted(row[2]) if "," in row[2] else row[2], *row[3:]]
        lines.append(",".join(fields))
    ends = draw(st.lists(st.sampled_from(["\n", "\r\n"]), min_size=len(lines), max_size=len(lines)))
    body = "".join(line + end for line, end in zip(lines, ends, strict=True))
    return body if draw(st.booleans()) else body.rstrip("\r\n")


@settings(max_examples=150, deadline=None)
@given(body=csv_bodies(), shard_bytes=SHARD_BYTES)
def test_csv_does_not_depend_on_the_split(body, shard_bytes):
    assert outcome(body, "p.csv", shard_bytes=shard_bytes) == outcome(body, "p.csv")


@settings(max_examples=150, deadline=None)
@given(
    body=st.lists(
        st.sampled_from(['"', '""', ",", "a", "\n", "\r\n", ' "', '5" pipe', "x,y\n"]), max_size=60
    ),
    shard_bytes=st.sampled_from([8, 16, 40]),
)
def test_csv_with_quotes_anywhere_does_not_depend_on_the_split(body, shard_bytes):
    body = "name,age\n" + "".join(body)
    assert outcome(body, "p.csv", shard_bytes=shard_bytes) == outcome(body, "p.csv")


json_members = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), texts, days, times, st.just([1])
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from([*PLAN.names, "odd", "extra"]), json_members, max_size=5), max_size=25
    ),
    ends=st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
    shard_bytes=SHARD_BYTES,
)
def test_json_lines_do_not_depend_on_the_split(rows, ends, shard_bytes):
    body = "".join(json.dumps(row) + ends for row in rows)
    assert outcome(body or "\n", "p.jsonl", shard_bytes=shard_bytes) == outcome(body or "\n", "p.jsonl")


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.none() | texts, min_size=1, max_size=60),
    group_rows=st.integers(1, 20),
    shard_bytes=st.sampled_from([1, 500, 2000]),
    compression=st.sampled_from(["none", "snappy", "zstd", "gzip"]),
)
def test_parquet_does_not_depend_on_the_split(names, group_rows, shard_bytes, compression):
    table = {
        "name": pa.array(names, pa.string()),
        "age": [str(i) if i % 3 else None for i in range(len(names))],
    }
    body = as_parquet(table, row_group_size=group_rows, compression=compression)
    split = outcome(body, "p.parquet", shard_bytes=shard_bytes)
    assert split == outcome(body, "p.parquet")
    assert len(split[1].get("age", ())) == sum(1 for i in range(len(names)) if i % 3)


@settings(max_examples=300, deadline=None)
@given(body=st.text(st.sampled_from('",\n\rab'), max_size=40))
def test_ends_of_records_are_where_reading_byte_by_byte_finds_them(body):
    content = body.encode()
    ends, inside, start_of_field, index = [], False, True, 0
    while index < len(body):
        mark = body[index]
        if inside:
            if mark == '"' and body[index + 1 : index + 2] == '"':
                index += 1
            elif mark == '"':
                inside = start_of_field = False
        elif mark == '"' and start_of_field:
            inside = True
        else:
            start_of_field = mark in ",\n\r"
            if mark == "\n":
                ends.append(index + 1)
        index += 1
    assert first_record_end(content, quoted=True) == (ends[0] if ends else 0)
    assert last_record_end(content, len(content), quoted=True) == (ends[-1] if ends else 0)
    assert len(field_quotes(content, len(content))) % 2 == int(inside)


def test_a_drop_has_at_most_a_thousand_shards():
    lines = b"name\n" + b"Ada\n" * 20_000
    for key in ("p.csv", "p.jsonl"):
        planned = plan_shards(io.BytesIO(lines), key, len(lines), shard_bytes=8)
        assert 500 < len(planned.shards) <= 1000
        assert (planned.shards[0].start, planned.shards[-1].stop) == (0, len(lines))
        assert all(a.stop == b.start for a, b in zip(planned.shards, planned.shards[1:], strict=False))
    groups = as_parquet({"age": list(range(1500))}, row_group_size=1)
    planned = plan_shards(io.BytesIO(groups), "p.parquet", len(groups), shard_bytes=1)
    assert len(planned.shards) <= 1000 and planned.shards[-1].stop == 1500


def test_a_record_larger_than_a_shard_is_one_shard():
    body = ("name,age\n" + '"' + "two\nlines " * 500 + '",1\n' + "Jo,2\n" * 5000).encode()
    planned = plan_shards(io.BytesIO(body), "p.csv", len(body), shard_bytes=100)
    longest = max(shard.stop - shard.start for shard in planned.shards)
    assert longest > 5000 and len(planned.shards) > 3
    assert [row["age"] for row in rows_of(body, shard_bytes=100)] == [1] + [2] * 5000


def test_packed_text_is_one_shard_however_large():
    body = pa.compress(b"name\n" + np.random.default_rng(1).bytes(5000).hex().encode(), "zstd", asbytes=True)
    assert plan_shards(io.BytesIO(body), "p.csv.zst", len(body), shard_bytes=10).shards == (
        Shard(index=0, start=0, stop=len(body)),
    )


def test_batches_are_never_longer_than_the_profile_wants():
    body = b"age\n" + b"1\n" * 200_000 + b"x\n"
    batches = batches_of(body, "p.csv", plan=contract(Column(name="age", type="integer")))
    assert sum(len(batch.rows) for batch in batches) == 200_001
    assert max(len(batch.rows) for batch in batches) <= 131_072
    assert [batch.failed["age"].positions.tolist() for batch in batches if batch.failed] == [
        [len(batches[-1].rows) - 1]
    ]


def test_a_group_that_was_planned_and_is_gone_is_refused():
    body = as_parquet({"age": [1, 2]})
    with pytest.raises(DropUnreadableError, match="does not fit the file"):
        list(
            read_batches(
                io.BytesIO(body),
                "p.parquet",
                len(body),
                Shard(index=0, start=0, stop=2),
                PLAN,
                maximum_bytes=1 << 30,
            )
        )
