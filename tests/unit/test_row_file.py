import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.ingestion.row_file import RowFile

SCHEMA = pa.schema([("word", pa.string()), ("at", pa.timestamp("us", "UTC")), ("n", pa.int64())])


def written(batches, schema=SCHEMA):
    out = io.BytesIO()
    with RowFile(out, schema) as file:
        for batch in batches:
            file.add(batch)
    return pq.read_table(io.BytesIO(out.getvalue()))


def batch(words, *, dictionary):
    column = pa.array(words, pa.string())
    count = len(words)
    columns = [
        column.dictionary_encode() if dictionary else column,
        pa.array(range(count), pa.timestamp("us", "UTC")),
        pa.array(range(count), pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(columns, names=SCHEMA.names)


words = st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=20)


@settings(max_examples=50, deadline=None)
@given(parts=st.lists(st.tuples(words, st.booleans()), max_size=5))
def test_rows_are_read_back_as_text_in_order_whichever_way_they_came(parts):
    table = written([batch(part, dictionary=dictionary) for part, dictionary in parts])
    assert table.schema == SCHEMA
    assert table["word"].to_pylist() == [word for part, _ in parts for word in part]


def test_no_rows_leave_the_schema():
    assert written([]).schema == SCHEMA
    assert written([batch([], dictionary=True)]).schema == SCHEMA


@pytest.mark.parametrize("type_", [pa.date32(), pa.decimal128(20, 3), pa.list_(pa.int32()), pa.bool_()])
def test_types_survive_without_arrows_own_schema(type_):
    schema = pa.schema([("x", type_)])
    rows = pa.RecordBatch.from_arrays([pa.nulls(3, type_)], schema=schema)
    assert written([rows], schema).schema.field("x").type.equals(type_) or pa.types.is_list(type_)
