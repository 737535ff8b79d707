"""Two ways into the model, table and JSON, give the same arrays."""

import json
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.serving.instances import from_json, from_table

TYPES = {
    "at": "timestamp",
    "day": "date",
    "carrier": "string",
    "seats": "integer",
    "miles": "number",
    "big": "boolean",
}
SCHEMA = pa.schema(
    {
        "at": pa.timestamp("us", "UTC"),
        "day": pa.date32(),
        "carrier": pa.string(),
        "seats": pa.int64(),
        "miles": pa.float64(),
        "big": pa.bool_(),
    }
)

moments = st.datetimes(
    min_value=datetime(1950, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.none() | moments,
            "day": st.none() | moments.map(lambda moment: moment.date()),
            "carrier": st.none() | st.text(max_size=5),
            "seats": st.none() | st.integers(-(2**53), 2**53),
            "miles": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "big": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=5,
)


def as_json(row):
    """As a caller sends it, through real JSON text."""
    return json.loads(json.dumps(row, default=lambda value: value.isoformat()))


def same(one, other):
    if one.dtype == object:
        return other.dtype == object and one.tolist() == other.tolist()
    return one.dtype == other.dtype == np.float64 and np.array_equal(one, other, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_table_and_json_are_equal_bit_by_bit(made):
    table = from_table(pa.Table.from_pylist(made, schema=SCHEMA), TYPES)
    sent = from_json([as_json(row) for row in made], TYPES)
    assert list(table) == list(sent) == list(TYPES)
    assert all(same(table[name], sent[name]) for name in TYPES)


def test_values_worked_by_hand():
    found = from_json(
        [
            {"at": "2013-03-10T06:59:59.250Z", "day": "1970-01-02", "carrier": "UA", "seats": 3, "big": True},
            {"at": "2013-03-10T06:59:59", "carrier": None},
        ],
        TYPES,
    )
    assert found["at"].tolist() == [1362898799.25, 1362898799.0]
    assert found["day"][0] == 86400.0 and np.isnan(found["day"][1])
    assert found["carrier"].tolist() == ["UA", None]
    assert found["seats"][0] == 3.0 and np.isnan(found["seats"][1])
    assert found["big"][0] == 1.0 and np.isnan(found["miles"]).all()


def test_an_offset_in_either_way_in_means_the_same_instant():
    new_york = timezone(timedelta(hours=-5))
    column = pa.array([datetime(2013, 1, 1, 5, tzinfo=new_york)], pa.timestamp("ms", "America/New_York"))
    table = from_table(pa.table({"at": column}), {"at": "timestamp"})
    sent = from_json([{"at": "2013-01-01T05:00:00-05:00"}], {"at": "timestamp"})
    assert table["at"].tolist() == sent["at"].tolist() == [1357034400.0]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("miles", "12"),
        ("miles", "nan"),
        ("miles", "inf"),
        ("miles", [1]),
        ("miles", {"a": 1}),
        ("miles", 10**400),
        ("seats", "many"),
        ("carrier", 7),
        ("carrier", ["UA"]),
        ("at", 1362898799),
        ("at", "yesterday"),
    ],
)
def test_a_value_of_another_type_names_its_member(member, value):
    with pytest.raises(ValueError, match=f"`{member}` must be a {TYPES[member]}"):
        from_json([{}, {member: value}], TYPES)
