"""Lists of Python's values as Arrow arrays, held to what pyarrow makes of them itself."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.columns.list_values import array_of_list

KINDS = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False) | st.integers(-(2**53), 2**53),
    pa.string(): st.text(st.characters(exclude_categories=["Cs"])),
    pa.bool_(): st.booleans(),
}


@pytest.mark.parametrize("type_", KINDS, ids=str)
@given(data=st.data())
def test_values_and_nulls_are_those_of_pyarrow(type_, data):
    values = data.draw(st.lists(st.none() | KINDS[type_]))
    found = array_of_list(values, type_)
    found.validate(full=True)
    assert found.equals(pa.array(values, type_))
    there = [value for value in values if value is not None]
    assert array_of_list(there, type_, complete=True).equals(pa.array(there, type_))


@pytest.mark.parametrize(
    "type_, value", [(pa.int64(), 2**63), (pa.float64(), 10**400), (pa.string(), "\ud800")], ids=str
)
def test_what_no_array_holds_is_refused(type_, value):
    with pytest.raises((OverflowError, UnicodeEncodeError)):
        array_of_list([value], type_)
