"""Parquet: dictionaries kept, nothing copied in vain, and no footer believed beyond the file."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parquet_forge import chunks_of, forge, groups_of, schema_of
from reading import as_parquet, batches_of, contract, refusal

from tidegate.contract.plan import Column
from tidegate.readers.batch import DICTIONARY
from tidegate.readers.parquet_metadata import parse

PLAN = contract(
    Column(name="plan", type="string"),
    Column(name="id", type="string"),
    Column(name="age", type="integer"),
    Column(name="height", type="number"),
    Column(name="seen", type="timestamp"),
)
ROWS = 20_000
TABLE = pa.table(
    {
        "plan": pa.array([None if i % 7 == 0 else f"plan_{i % 5}" for i in range(ROWS)]),
        "id": [f"customer-{i:06d}" for i in range(ROWS)],
        "age": list(range(ROWS)),
        "height": pa.array([None if i % 11 == 0 else i / 3 for i in range(ROWS)]),
        "seen": pa.array([i * 10**9 for i in range(ROWS)], pa.timestamp("us")),
    }
)
SOUND = as_parquet(TABLE)
UTC = pa.timestamp("us", tz="UTC")


def read_all(body):
    return pa.Table.from_batches([batch.plain() for batch in batches_of(body, "p.parquet", plan=PLAN)])


def test_text_stored_as_a_dictionary_stays_one_and_other_text_does_not():
    [batch] = batches_of(SOUND, "p.parquet", plan=PLAN)
    assert batch.rows["plan"].type == DICTIONARY
    assert len(batch.rows["plan"].dictionary) == 5
    assert batch.rows["id"].type == pa.string()
    assert batch.plain().schema.types == [pa.string(), pa.string(), pa.int64(), pa.float64(), UTC]
    assert batch.plain()["plan"].to_pylist() == TABLE["plan"].to_pylist()


def test_a_dictionary_that_its_writer_gave_up_is_not_asked_for():
    values = [f"a value that is rather long {i}" for i in range(ROWS)]
    body = as_parquet({"plan": values}, dictionary_pagesize_limit=1000)
    assert "RLE_DICTIONARY" in pq.read_metadata(io.BytesIO(body)).row_group(0).column(0).encodings
    [batch] = batches_of(body, "p.parquet", plan=contract(Column(name="plan", type="string")))
    assert batch.rows["plan"].type == pa.string()
    assert batch.rows["plan"].to_pylist() == values


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_every_codec_and_page_version_gives_the_rows_that_pyarrow_gives(compression, version):
    body = as_parquet(
        TABLE, compression=compression, data_page_version=version, data_page_size=4096, row_group_size=3000
    )
    expected = pq.read_table(io.BytesIO(body))
    expected = expected.set_column(4, "seen", expected["seen"].cast(UTC))
    assert read_all(body).combine_chunks() == expected.combine_chunks()


def test_batches_keep_their_values_while_later_ones_are_read():
    # The pages are read into one buffer, over and over.
    body = as_parquet(TABLE, compression="none", use_dictionary=False, row_group_size=1000)
    batches = [batch.plain() for batch in batches_of(body, "p.parquet", plan=PLAN)]
    assert pa.Table.from_batches(batches)["id"].to_pylist() == TABLE["id"].to_pylist()


def test_row_groups_too_large_to_hold_are_read_through_small_buffers(monkeypatch):
    monkeypatch.setattr("tidegate.readers.parquet.HELD_BYTES", 1000)
    for compression in ("snappy", "zstd"):
        assert read_all(as_parquet(TABLE, compression=compression))["age"].to_pylist() == list(range(ROWS))


def test_a_column_with_a_dot_in_its_name_is_a_column():
    plan = contract(
        Column(name="a.b", type="string"),
        Column(name="a", type="object", members=(Column(name="b", type="integer"),)),
    )
    body = as_parquet({"a.b": ["x"] * 9000, "a": pa.array([{"b": 1}] * 9000)})
    [batch] = batches_of(body, "p.parquet", plan=plan)
    assert batch.plain().to_pylist()[0] == {"a.b": "x", "a": {"b": 1}}


def test_columns_of_the_same_name_are_refused():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["age", "age"])
    assert "the file has `age` more than once" in refusal(as_parquet(table), "p.parquet")


def test_a_file_of_none_of_the_columns_has_its_rows():
    [batch] = batches_of(as_parquet({"other": [1, 2, 3]}), "p.parquet", plan=PLAN)
    assert (len(batch.rows), batch.present, batch.extra) == (3, frozenset(), ("other",))


def test_a_file_without_rows_has_its_columns():
    for table in (TABLE.slice(0, 0), TABLE.schema.empty_table()):
        [batch] = batches_of(as_parquet(table), "p.parquet", plan=PLAN)
        assert (len(batch.rows), batch.present) == (0, set(PLAN.names))


def test_the_footer_says_what_pyarrow_says_of_it():
    body = as_parquet(TABLE, row_group_size=7000)
    length = int.from_bytes(body[-8:-4], "little")
    found, theirs = parse(body[-8 - length : -8]), pq.read_metadata(io.BytesIO(body))
    assert (found.rows, found.names, found.group_count) == (ROWS, tuple(TABLE.column_names), 3)
    for index, group in enumerate(found.groups):
        for number, chunk in enumerate(group.chunks):
            column = theirs.row_group(index).column(number)
            assert (chunk.column, chunk.values) == (column.path_in_schema, column.num_values)
            assert (chunk.stored, chunk.unpacked) == (
                column.total_compressed_size,
                column.total_uncompressed_size,
            )
            assert chunk.nulls == column.statistics.null_count
            assert chunk.has_dictionary == column.has_dictionary_page
    assert parse(body[-8 - length : -8], 1, 2).groups == found.groups[1:2]


def first_chunk(fields):
    return chunks_of(groups_of(fields)[0])[0]


def rows_to(rows):
    def change(fields):
        fields[3][1] = groups_of(fields)[0][3][1] = rows
        for chunk in chunks_of(groups_of(fields)[0]):
            chunk[5][1] = rows

    return change


LIES = {
    "more rows than its groups": lambda f: f[3].__setitem__(1, ROWS + 1),
    "a row fewer in a group": lambda f: groups_of(f)[0][3].__setitem__(1, ROWS - 1),
    "a negative number of rows": rows_to(-5),
    "a few more rows everywhere": rows_to(ROWS + 3),
    "fewer rows everywhere": rows_to(ROWS - 3),
    "a trillion rows": rows_to(10**12),
    "pages behind the end": lambda f: first_chunk(f)[7].__setitem__(1, len(SOUND)),
    "pages of 2**60 bytes": lambda f: first_chunk(f)[7].__setitem__(1, 2**60),
    "pages of less than none": lambda f: first_chunk(f)[7].__setitem__(1, -1),
    "pages before the file": lambda f: first_chunk(f).update({9: [6, 0], 11: [6, 0]}),
    "pages that begin elsewhere": lambda f: first_chunk(f).update({9: [6, 200], 11: [6, 100]}),
    "2**50 bytes unpacked": lambda f: first_chunk(f)[6].__setitem__(1, 2**50),
    "a codec that is none": lambda f: first_chunk(f)[4].__setitem__(1, 99),
    "another column's name in a group": lambda f: first_chunk(f).update({3: [9, (8, [b"other"])]}),
    "a column less in a group": lambda f: groups_of(f)[0][1][1][1].pop(),
    "a column less in the schema": lambda f: f[2][1][1].pop(),
    "no columns in the schema": lambda f: f[2][1][1].clear(),
    "a column without a name": lambda f: f[2][1][1][1].update({4: [8, b"\xff"]}),
    "children that are not there": lambda f: f[2][1][1][0].update({5: [5, 900]}),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_footer_that_lies_is_refused(lie):
    told = refusal(forge(SOUND, lie), "p.parquet", plan=PLAN)
    assert "Parquet file" in told or "promise" in told or "unpacks to more" in told


def test_a_contradiction_that_the_rows_do_not_depend_on_ends_nothing():
    # pyarrow's view of such a chunk ends the process; its reader goes by the schema.
    body = forge(SOUND, lambda fields: first_chunk(fields)[1].__setitem__(1, 1))
    assert read_all(body)["plan"].to_pylist() == TABLE["plan"].to_pylist()


def test_a_forged_footer_without_a_lie_is_read():
    assert read_all(forge(SOUND, lambda fields: None))["age"].to_pylist() == list(range(ROWS))


@pytest.mark.parametrize("depth", [100, 10_000, 100_000])
def test_a_schema_nested_out_of_all_bounds_is_refused(depth):
    told = refusal(schema_of(depth), "p.parquet")
    assert "nested more than 64 deep" in told or "columns and groups" in told


def test_a_hundred_thousand_columns_are_refused_before_they_are_listed():
    def widen(fields):
        element = fields[2][1][1][1]
        fields[2][1][1].extend([element] * 100_000)

    assert "columns and groups of them" in refusal(forge(SOUND, widen), "p.parquet")


@pytest.mark.parametrize("compression", ["zstd", "gzip", "brotli"])
def test_pages_that_expand_hugely_are_refused_by_what_is_declared_and_by_what_they_say(compression):
    zeros = pa.table({"age": pa.array(np.zeros(4_000_000, np.int64))})
    bomb = as_parquet(zeros, compression=compression, use_dictionary=False, data_page_size=64 << 20)
    assert len(bomb) < 100_000
    limit = {"maximum_bytes": 8 << 20}
    assert "unpacks to more than 8 MiB" in refusal(bomb, "p.parquet", **limit)
    modest = forge(
        bomb, lambda fields: [c[6].__setitem__(1, 1000) for g in groups_of(fields) for c in chunks_of(g)]
    )
    assert "unpacks to more than 8 MiB" in refusal(modest, "p.parquet", **limit)


def test_one_long_text_in_every_row_is_refused_before_it_is_written_out():
    places = pa.array(np.zeros(20_000, np.int32))
    body = as_parquet({"plan": pa.DictionaryArray.from_arrays(places, ["x" * 500_000])})
    assert len(body) < 100_000
    assert "unpack to 9536 MiB" in refusal(body, "p.parquet", plan=PLAN, maximum_bytes=1 << 40)


def test_values_that_take_no_bytes_are_bounded_by_the_bytes_there_are():
    assert "no honest data" in refusal(forge(SOUND, rows_to(10**12)), "p.parquet")


def test_a_file_cut_off_anywhere_is_refused():
    body = as_parquet(TABLE.slice(0, 50))
    for length in range(1, len(body), 7):
        told = refusal(body[:length], "p.parquet")
        assert "Parquet" in told
