"""Files of every kind, good and bad, through `plan_shards` and `read_batches`."""

import contextlib
import datetime as dt
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import GOOD, HEADER, NOON, PLAN, batches_of, refusal, rows_of

from tidegate.errors import DropUnreadableError
from tidegate.messages.ingestion import Shard
from tidegate.readers import plan_shards


def as_jsonl(rows):
    return "\n".join(json.dumps(row, default=str) for row in rows)


def test_csv_comes_in_the_contracts_types():
    ada, doe = rows_of(GOOD)
    assert ada == {
        "name": "Ada",
        "age": 36,
        "height": 1.65,
        "member": True,
        "born": dt.date(1815, 12, 10),
        "seen": NOON,
    }
    assert doe["name"] == "Doe, Jo" and doe["height"] != doe["height"]
    assert [doe[name] for name in ("age", "born", "seen")] == [None, None, None]


@pytest.mark.parametrize("key", ["people.csv", "a/b.CSV", "people.csv.gz", "people.csv.zst"])
def test_packed_csv_is_the_same_as_plain(key):
    body = GOOD.replace("nan", "1.5").encode()
    if key.endswith(".gz"):
        packed = gzip.compress(body)
    elif key.endswith(".zst"):
        packed = pa.compress(body, "zstd", asbytes=True)
    else:
        packed = body
    assert rows_of(packed, key) == rows_of(body)


def test_json_lines_and_parquet_give_what_csv_gives():
    expected = rows_of(GOOD.replace("nan", "1.5"))
    table = pa.Table.from_pylist(expected)
    out = io.BytesIO()
    pq.write_table(table, out)
    assert rows_of(out.getvalue(), "people.parquet") == expected
    assert rows_of(as_jsonl(expected), "people.jsonl") == expected


def test_a_quoted_empty_text_is_empty_and_an_unquoted_one_is_missing():
    first, second = rows_of('name,age\n"",1\n,2\n')
    assert (first["name"], second["name"]) == ("", None)


def test_the_words_for_missing_are_missing_in_numbers_and_text_in_text():
    [row] = rows_of("name,age,height\nNA,NA,null\n")
    assert (row["name"], row["age"], row["height"]) == ("NA", None, None)


def test_values_of_the_wrong_type_are_null_and_told_with_their_place():
    body = "name,age,height,member,born,seen\n" + "".join(
        f"n,{age},{height},{member},{born},{seen}\n"
        for age, height, member, born, seen in [
            ("1", "1", "true", "2013-01-01", "2013-01-01T10:00:00Z"),
            ("twelve", "tall", "perhaps", "2013-02-30", "soon"),
            ("1.5", "1,5".replace(",", "."), "no", "2013-1-1", "2013-13-01T00:00:00Z"),
            ("99999999999999999999", "1e3", "0", "01.02.2013", "2013-01-01T25:00:00Z"),
            ("5.0", "inf", "TRUE", "2013-01-02", "2013-01-01 11:00:00+01:00"),
        ]
    )
    [batch] = batches_of(body, "people.csv")
    found = {name: failed.positions.tolist() for name, failed in batch.failed.items()}
    assert found == {"age": [1, 2, 3], "height": [1], "member": [1], "born": [1, 2, 3], "seen": [1, 2, 3]}
    assert batch.failed["age"].texts == ("twelve", "1.5", "99999999999999999999")
    last = batch.rows.slice(4).to_pylist()[0]
    assert (last["age"], last["height"], last["member"], last["seen"]) == (5, float("inf"), True, NOON)


def test_a_time_without_zone_is_local_to_the_contracts():
    body = "name,seen\na,2013-01-01T11:00:00\nb,2013-07-01 12:00:00\nc,2013-01-01T10:00:00.1234567Z\n"
    winter, summer, fine = (row["seen"] for row in rows_of(body))
    assert winter == NOON
    assert summer == dt.datetime(2013, 7, 1, 10, tzinfo=dt.UTC)
    assert fine == NOON + dt.timedelta(microseconds=123456)


def test_mixed_types_in_json_lines_are_told_value_by_value():
    [batch] = batches_of('{"name": 1, "age": "7"}\n{"name": "Jo", "age": 7.0, "odd": [1]}\n', "p.jsonl")
    assert {name: failed.texts for name, failed in batch.failed.items()} == {"name": ("1",), "age": ("7",)}
    assert batch.rows["age"].to_pylist() == [None, 7]
    assert (batch.present, batch.extra) == ({"name", "age"}, ("odd",))


def test_text_is_no_number_in_parquet():
    out = io.BytesIO()
    pq.write_table(pa.table({"name": ["a"], "age": ["36"], "height": pa.array([2], pa.int8())}), out)
    [batch] = batches_of(out.getvalue(), "people.parquet")
    assert batch.failed["age"].texts == ("36",)
    assert batch.rows["height"].to_pylist() == [2.0]


def test_columns_that_are_missing_are_null_and_not_present():
    [batch] = batches_of("name,shoe size\nAda,38\n", "people.csv")
    assert (batch.present, batch.extra) == ({"name"}, ("shoe size",))
    assert batch.rows["age"].to_pylist() == [None]


@pytest.mark.parametrize(
    "body", [HEADER, HEADER.strip(), HEADER + "\n\n"], ids=["line", "no end", "blank lines"]
)
def test_a_header_alone_is_a_drop_without_rows(body):
    [batch] = batches_of(body, "people.csv")
    assert (batch.rows.num_rows, len(batch.present)) == (0, 6)


def test_a_byte_order_mark_and_windows_line_ends_are_read():
    assert rows_of(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").replace("nan", "2").encode()) == rows_of(
        GOOD.replace("nan", "2")
    )


@pytest.mark.parametrize(
    ("key", "body", "told"),
    [
        ("p.csv", b"", "is empty"),
        ("p.csv", b"\n\n", "no header"),
        ("p.csv", GOOD.encode("utf-16"), "is UTF-16 text"),
        ("p.csv", GOOD.encode("utf-16-le"), "byte 1 is 0"),
        ("p.csv", HEADER.encode() + b"J\xf6rg,1,1,true,,\n", "byte 34 is not UTF-8"),
        ("p.csv", HEADER.encode() + b"a\0b,1,1,true,,\n", "byte 34 is 0"),
        ("p.csv", (GOOD + "Ada,36\n").encode(), "data row 3 has 2 fields, the header has 6"),
        ("p.csv", (HEADER + '"Ada,36,1,true,,\nJo,1,1,true,,\n').encode(), "never closed"),
        ("p.csv", b"name,age,name\na,1,b\n", "names `name` more than once"),
        ("p.csv", b",name\n0,Ada\n", "column 1 has no name"),
        ("p.csv", GOOD.replace(",", ";").encode(), "separated by ';'"),
        ("p.csv", GOOD.replace("\n", "\r").encode(), "carriage return alone"),
        ("p.csv", b",".join(b"c%d" % n for n in range(10_001)), "names 10001 columns"),
        ("p.csv", b"PAR1....", "is Parquet"),
        ("p.csv", gzip.compress(GOOD.encode()), "is gzip"),
        ("p.csv.gz", GOOD.encode(), "is not gzip"),
        ("p.csv.gz", gzip.compress(GOOD.encode() * 99)[:-20], "damaged or cut off"),
        ("p.csv.zst", pa.compress(GOOD.encode() * 99, "zstd", asbytes=True)[:-20], "damaged or cut off"),
        ("p.parquet", GOOD.encode(), "is not Parquet"),
        ("p.parquet", b"PAR1" + bytes(100), "damaged or cut off"),
        ("p.jsonl", b'[{"name": "Ada"}]', "line 1 is not a JSON object"),
        ("p.jsonl", b'{"name": "Ada"}\n{"name":\n', "line 2 is not JSON"),
        ("p.jsonl", b'{"name": "J\xf6rg"}\n', "byte 11 is not UTF-8"),
        ("p.jsonl", b'{"a":' * 100_000, "line 1 is nested more than 200 deep"),
        ("p.xlsx", b"PK\x03\x04", "of no format that is read"),
        (".csv", b"a\n", "of no format that is read"),
    ],
)
def test_a_file_nobody_can_parse_is_refused_in_words(key, body, told):
    assert told in refusal(body, key)


def test_parquet_cut_off_or_corrupted_is_refused():
    out = io.BytesIO()
    pq.write_table(pa.table({"name": [str(number) for number in range(5000)]}), out, use_dictionary=False)
    sound = out.getvalue()
    assert "damaged or cut off" in refusal(sound[:-100], "p.parquet")
    assert "damaged or cut off" in refusal(sound[:200] + bytes(2000) + sound[2200:], "p.parquet")


def test_an_archive_is_unpacked_no_further_than_allowed():
    bomb = gzip.compress(HEADER.encode() + b"a,1,1,true,,\n" * 1_000_000)
    assert len(bomb) < 100_000
    assert "more than 4 MiB" in refusal(bomb, "p.csv.gz", maximum_bytes=4 << 20)


def test_a_ragged_row_of_a_later_shard_names_where_its_count_begins():
    body = HEADER + "a,1,1,true,,\n" * 1000 + "a,1\n"
    assert "after byte" in refusal(body, shard_bytes=4096)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(names=st.lists(texts, min_size=1, max_size=60), shard_bytes=st.integers(64, 600))
def test_csv_is_the_same_rows_whatever_the_shards(names, shard_bytes):
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    body = "name,age\n" + "".join(f"{name},{number}\n" for number, name in enumerate(quoted))
    rows = rows_of(body, shard_bytes=shard_bytes)
    assert [row["name"] for row in rows] == names
    assert [row["age"] for row in rows] == list(range(len(names)))


@settings(max_examples=30, deadline=None)
@given(names=st.lists(texts, min_size=1, max_size=60), shard_bytes=st.integers(64, 600))
def test_json_lines_are_the_same_rows_whatever_the_shards(names, shard_bytes):
    body = as_jsonl({"name": name, "age": number} for number, name in enumerate(names))
    rows = rows_of(body, "p.jsonl", shard_bytes=shard_bytes)
    assert [(row["name"], row["age"]) for row in rows] == [(name, n) for n, name in enumerate(names)]


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=300), key=st.sampled_from(["p.csv", "p.jsonl", "p.parquet", "p.csv.gz"]))
def test_any_bytes_give_rows_or_a_refusal(body, key):
    magic = {"p.parquet": b"PAR1", "p.csv.gz": b"\x1f\x8b"}.get(key, b"")
    with contextlib.suppress(DropUnreadableError):
        for batch in batches_of(magic + body, key):
            assert batch.rows.schema.names == list(PLAN.names)


def test_parquet_shards_are_row_groups_and_keep_their_rows():
    out = io.BytesIO()
    pq.write_table(pa.table({"age": list(range(1000))}), out, row_group_size=100, compression="none")
    file = io.BytesIO(out.getvalue())
    planned = plan_shards(file, "p.parquet", len(out.getvalue()), shard_bytes=2500)
    assert (planned.shards[0].start, planned.shards[-1].stop) == (0, 10)
    assert len(planned.shards) > 3
    assert [row["age"] for row in rows_of(out.getvalue(), "p.parquet", shard_bytes=2500)] == list(range(1000))


def test_a_small_drop_is_one_shard():
    file = io.BytesIO(GOOD.encode())
    assert plan_shards(file, "p.csv", len(GOOD), shard_bytes=1 << 20).shards == (
        Shard(index=0, start=0, stop=len(GOOD)),
    )
