"""Every way a file has been seen to be wrong, as a small file: rows with failed values, or a refusal."""

import datetime as dt
import gzip
import json

import pyarrow as pa
import pytest
from reading import GOOD, HEADER, PLAN, as_parquet, batches_of, contract, refusal, rows_of

from tidegate.contract.plan import Column

ROW = "Ada,36,1.65,true,1815-12-10,2013-01-01T10:00:00Z\n"
ADA, *_ = rows_of(HEADER + ROW)


def failed_of(body, key="p.csv", **options):
    [batch] = batches_of(body, key, **options)
    return {name: dict(zip(f.positions.tolist(), f.texts, strict=True)) for name, f in batch.failed.items()}


REFUSED = {
    "nothing at all": (b"", "is empty"),
    "white space alone": (b" \n\t\n", "no header"),
    "one byte, a newline": (b"\n", "no header"),
    "a byte order mark alone": (b"\xef\xbb\xbf", "no header"),
    "a header that ends in a comma": (b"name,age,\nAda,36,\n", "the header ends in a comma"),
    "the same name twice": (b"name,age,name\na,1,b\n", "names `name` more than once"),
    "too few fields in a row": ((GOOD + "Ada,36\n").encode(), "data row 3 has 2 fields"),
    "too many fields in a row": ((GOOD + "A,1,1,1,,,,\n").encode(), "data row 3 has 8 fields"),
    "a comma too many, in every row": (
        (HEADER + ROW.replace("\n", ",\n")).encode(),
        "data row 1 has 7 fields",
    ),
    "a quote that is never closed": ((HEADER + '"Ada,36,1,true,,\n' + ROW * 9).encode(), "never closed"),
    "a zero byte": ((HEADER + "A\0da,1,1,true,,\n").encode(), "byte 34 is 0"),
    "UTF-16, little end first, with a mark": (b"\xff\xfe" + GOOD.encode("utf-16-le"), "is UTF-16 text"),
    "UTF-16, big end first, with a mark": (b"\xfe\xff" + GOOD.encode("utf-16-be"), "is UTF-16 text"),
    "UTF-16, little end first": (GOOD.encode("utf-16-le"), "byte 1 is 0"),
    "UTF-16, big end first": (GOOD.encode("utf-16-be"), "byte 0 is 0"),
    "Latin-1": ((HEADER + "Jörg,1,1,true,,\n").encode("latin-1"), "byte 34 is not UTF-8"),
    "Latin-1 in the header": (GOOD.replace("name", "näme").encode("latin-1"), "byte 1 is not UTF-8"),
    "lines that end in a carriage return": (GOOD.replace("\n", "\r").encode(), "carriage return alone"),
    "semicolons between fields": (GOOD.replace(",", ";").encode(), "separated by ';'"),
    "a million columns": (b",".join(b"c%d" % i for i in range(1_000_000)), "longer than 1 MiB"),
    "ten thousand and one columns": (b",".join(b"c%d" % i for i in range(10_001)), "names 10001 columns"),
    "a header above what csv takes": (b"x" * 200_000 + b",y\n1,2\n", "not CSV"),
    "another format": (b"PAR1" + bytes(40) + b"PAR1", "is Parquet"),
    "a workbook": (b"PK\x03\x04" + bytes(40), "zip archive or an Excel workbook"),
}


@pytest.mark.parametrize(("body", "told"), REFUSED.values(), ids=REFUSED)
def test_a_csv_file_nobody_can_parse_is_refused_in_words(body, told):
    assert told in refusal(body, "p.csv")


def test_a_hundred_thousand_members_of_a_json_line_are_refused():
    body = json.dumps({"name": "Ada", **{f"c{i}": i for i in range(100_000)}})
    assert "line 1 has 100001 members; at most 10000 are read" in refusal(body, "p.jsonl")


def test_a_field_of_ten_megabytes_is_a_value():
    for quote in ("", '"'):
        body = HEADER + quote + "x" * 10_000_000 + quote + ",1,1,true,,\n" + ROW
        long, ada = rows_of(body)
        assert len(long["name"]) == 10_000_000 and ada == ADA


def test_a_record_without_end_is_refused_before_memory_is():
    body = b"name,age\n" + b"x" * (65 << 20)
    assert "a record is longer than 64 MiB" in refusal(body, "p.csv")


def test_newlines_inside_quotes_are_read_across_pieces():
    names = [f"line {i}\r\nand\nmore {'x' * (i % 97)}" for i in range(30_000)]
    body = "name,age\n" + "".join(f'"{name}",{i}\n' for i, name in enumerate(names))
    assert len(body) > 2 << 20
    rows = rows_of(body)
    assert [row["name"] for row in rows] == names
    assert [row["age"] for row in rows] == list(range(30_000))


def test_line_ends_of_both_kinds_may_mix():
    body = HEADER.replace("\n", "\r\n") + ROW + ROW.replace("\n", "\r\n") + "\r\n\n" + ROW.rstrip()
    assert rows_of(body) == [ADA] * 3


def test_a_byte_order_mark_is_no_part_of_a_name():
    assert rows_of(b"\xef\xbb\xbf" + (HEADER + ROW).encode()) == [ADA]
    assert rows_of(b'\xef\xbb\xbf{"name": "Ada"}\n', "p.jsonl")[0]["name"] == "Ada"


def test_a_quote_inside_an_unquoted_field_is_a_mark_like_any_other():
    first, second = rows_of('name,age\n5" pipe,1\n"two\nlines",2\n')
    assert (first["name"], second["name"]) == ('5" pipe', "two\nlines")


def test_columns_in_another_order_are_told_by_their_names():
    assert rows_of("age,name\n36,Ada\n")[0] == rows_of("name,age\nAda,36\n")[0]


def test_columns_missing_renamed_and_extra_are_told():
    [batch] = batches_of("Name,age,height_cm\nAda,36,165\n", "p.csv")
    assert (batch.present, batch.extra) == ({"age"}, ("Name", "height_cm"))


def test_another_unit_is_a_file_like_any_other():
    assert rows_of("name,height\nAda,165.0\n")[0]["height"] == 165.0


def test_types_that_change_from_row_to_row_are_told_row_by_row():
    body = "name,age\n" + "".join(f"n,{'x' if i % 3 == 0 else i}\n" for i in range(300))
    assert failed_of(body)["age"] == dict.fromkeys(range(0, 300, 3), "x")


def test_infinities_are_numbers_and_no_integers():
    body = "age,height\ninf,inf\n-Infinity,-inf\nNaN,1e999\n"
    assert failed_of(body) == {"age": {0: "inf", 1: "-Infinity", 2: "NaN"}}
    assert [row["height"] for row in rows_of(body)] == [float("inf"), float("-inf"), float("inf")]


@pytest.mark.parametrize("key", ["p.csv", "p.jsonl"])
def test_integers_past_64_bits_fail_and_the_last_that_fits_does_not(key):
    values = [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400]
    if key == "p.csv":
        body = "age,name\n" + "".join(f"{value},n\n" for value in values)
    else:
        body = "".join(json.dumps({"age": value}) + "\n" for value in values)
    assert list(failed_of(body, key)["age"]) == [1, 3, 4]
    assert [row["age"] for row in rows_of(body, key)] == [2**63 - 1, None, -(2**63), None, None]


@pytest.mark.parametrize("key", ["p.csv", "p.jsonl"])
def test_dates_that_no_calendar_has_fail(key):
    days = [
        "0001-01-01",
        "9999-12-31",
        "0000-12-31",
        "10000-01-01",
        "2023-02-29",
        "2013-13-01",
        "-0001-01-01",
    ]
    seen = ["0001-01-02T00:00:00Z", "9999-12-30T00:00:00Z", "0000-12-31T23:59:59Z", "10000-01-01T00:00:00Z"]
    seen += ["2023-02-29T00:00:00Z", "2013-01-01T24:00:00Z", "9999-12-31T23:59:59-01:00"]
    rows = [{"born": born, "seen": time} for born, time in zip(days, seen, strict=True)]
    if key == "p.csv":
        body = "born,seen\n" + "".join(f"{row['born']},{row['seen']}\n" for row in rows)
    else:
        body = "".join(json.dumps(row) + "\n" for row in rows)
    found = failed_of(body, key)
    assert (list(found["born"]), list(found["seen"])) == ([2, 3, 4, 5, 6], [2, 3, 4, 5, 6])
    assert found["born"][2] == "0000-12-31"


def test_times_that_no_clock_has_fail_in_parquet():
    day, hour = 86_400, 3600 * 10**6
    table = {
        "born": pa.array([0, -719_162, -719_163, 2_932_897], pa.date32()),
        "seen": pa.array([0, -62_135_596_800, 253_402_300_800, 2**62], pa.timestamp("s", "UTC")),
        "at": pa.array([0, 24 * hour - 1, 24 * hour, -1], pa.time64("us")),
    }
    plan = contract(*PLAN.columns, Column(name="at", type="time"))
    # Parquet has no seconds: the writer makes milliseconds of them, and 2**62 s are too many for that.
    table["seen"] = table["seen"].slice(0, 3)
    found = failed_of(as_parquet({k: v.slice(0, 3) for k, v in table.items()}), "p.parquet", plan=plan)
    assert {name: list(texts) for name, texts in found.items()} == {"born": [2], "seen": [2], "at": [2]}
    assert day * 10**6 == 24 * hour


def test_text_that_is_not_utf_8_fails_in_parquet():
    for values in ([b"fine", b"J\xf6rg"], [b"fine", b"J\xf6rg"] * 20_000):
        plain = pa.array(values, pa.binary())
        body = as_parquet({"name": pa.Array.from_buffers(pa.string(), len(plain), plain.buffers())})
        [batch] = batches_of(body, "p.parquet")
        assert batch.failed["name"].texts[0] == "J\\xf6rg"
        assert batch.plain()["name"].to_pylist()[:2] == ["fine", None]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"null\n", "line 1 is not a JSON object"),
        (b'{"name": "Ada"}\nnull\n', "line 2 is not a JSON object"),
        (b'{"name": "Ada"} {"name": "Jo"}\n', "line 1 is not JSON"),
        (b'{"name":\n"Ada"}\n', "line 1 is not JSON"),
        (b'[{"name": "Ada"}]', "line 1 is not a JSON object"),
        (b'{"name": "Ada"}\n{"name": "J', "line 2 is not JSON"),
        (b'{"name": "A\0da"}\n', "byte 11 is 0"),
        (b'{"odd": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "line 1 is nested more than 200 deep"),
        (b'{"odd": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}\n", "line 1 is nested more than 200 deep"),
        ('{"name": "Ada"}\n'.encode("utf-16-le"), "byte 1 is 0"),
    ],
)
def test_json_lines_nobody_can_parse_are_refused_in_words(body, told):
    assert told in refusal(body, "p.jsonl")


def test_brackets_in_text_are_not_nested():
    body = json.dumps({"name": '[{"' * 5000}) + "\n"
    assert rows_of(body, "p.jsonl")[0]["name"] == '[{"' * 5000


def test_half_a_surrogate_pair_is_no_text():
    body = '{"name": "\\ud800"}\n{"name": "\\ud83d\\ude00"}\n{"\\udc00": 1}\n'
    [batch] = batches_of(body, "p.jsonl")
    assert batch.failed["name"].texts == ("\\ud800",)
    assert batch.rows["name"].to_pylist() == [None, "\U0001f600", None]
    assert batch.extra == ("\\udc00",)


def test_white_space_alone_is_a_json_lines_file_without_rows():
    assert rows_of(b" \n\r\n", "p.jsonl") == []


def test_a_column_that_only_a_late_line_names_as_null_is_present():
    body = '{"name": "age"}\n' * 5000 + '{"name": "Jo", "age": null}\n'
    [batch] = batches_of(body, "p.jsonl")
    assert batch.present == {"name", "age"}
    [batch] = batches_of('{"name": "age"}\n' * 5000, "p.jsonl")
    assert batch.present == {"name"}


def test_gzip_members_one_after_another_are_one_file():
    body = gzip.compress(HEADER.encode()) + gzip.compress(ROW.encode()) + gzip.compress(ROW.encode())
    assert rows_of(body, "p.csv.gz") == [ADA] * 2


def test_zeros_behind_an_archive_are_padding_and_anything_else_is_refused():
    body = gzip.compress((HEADER + ROW).encode())
    assert rows_of(body + bytes(512), "p.csv.gz") == [ADA]
    assert "damaged or cut off" in refusal(body + b"trailing garbage", "p.csv.gz")


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_decompression_bomb_is_stopped_by_its_size_and_by_its_ratio(codec):
    line = b"a,1,1,true,,\n" * 80_000
    key = "p.csv.gz" if codec == "gzip" else "p.csv.zst"
    body = HEADER.encode() + line * 8
    packed = gzip.compress(body) if codec == "gzip" else pa.compress(body, "zstd", asbytes=True)
    assert "more than 4 MiB" in refusal(packed, key, maximum_bytes=4 << 20)


def test_a_zstd_archive_that_unpacks_a_thousandfold_is_a_bomb():
    body = b"name\n" + (b"a" * 1000 + b"\n") * 250_000
    packed = pa.compress(body, "zstd", asbytes=True)
    assert len(packed) * 1000 < len(body) - (64 << 20)
    assert "are a decompression bomb, not data" in refusal(packed, "p.csv.zst", maximum_bytes=1 << 40)


def test_a_year_that_is_all_of_a_column_in_text_has_its_text_told():
    assert failed_of("seen,name\n0000-01-01 00:00:00,a\n")["seen"] == {0: "0000-01-01 00:00:00"}


def test_summer_time_begins_and_ends_without_an_error():
    first, second = rows_of("seen,name\n2013-03-31 02:30:00,a\n2013-10-27 02:30:00,b\n")
    assert first["seen"] == dt.datetime(2013, 3, 31, 1, tzinfo=dt.UTC)  # the next instant there is
    assert second["seen"] == dt.datetime(2013, 10, 27, 0, 30, tzinfo=dt.UTC)  # the first of both
