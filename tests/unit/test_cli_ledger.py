"""The ledger as the command reads it, from a table of plain rows."""

from types import SimpleNamespace

import pytest

from tidegate_cli import ledger
from tidegate_cli.failure import CommandError

PAGES = [
    [("a", "2026-01-01T10:00:00.000Z", 300), ("c", "2026-01-01T12:00:00.000Z", 0)],
    [("b", "2026-01-01T11:00:00.000Z", 7)],
]


class Table:
    """DynamoDB of two pages; only what the ledger asks."""

    def get_paginator(self, operation):
        assert operation == "scan"
        return self

    def paginate(self, TableName):  # noqa: N803  AWS's name
        assert TableName == "Ledger"
        return [{"Items": [self.item(*row) for row in page]} for page in PAGES]

    def get_item(self, TableName, Key, ConsistentRead):  # noqa: N803
        found = [row for page in PAGES for row in page if row[0] == Key["drop_id"]["S"]]
        return {"Item": self.item(*found[0])} if found else {}

    @staticmethod
    def item(drop_id, received_at, rows):
        return {"drop_id": {"S": drop_id}, "received_at": {"S": received_at}, "rows": {"N": str(rows)}}


@pytest.fixture
def place():
    return SimpleNamespace(outputs={"LedgerTable": "Ledger"}, client=lambda service: Table())


def test_rows_of_all_pages_come_newest_first_with_whole_numbers(place):
    rows = ledger.entries(place)
    assert [row["drop_id"] for row in rows] == ["c", "b", "a"]
    assert [(row["rows"], type(row["rows"])) for row in rows] == [(0, int), (7, int), (300, int)]


def test_one_row_is_read_by_its_id(place):
    assert ledger.entry(place, "b")["received_at"] == "2026-01-01T11:00:00.000Z"


def test_an_unknown_drop_is_an_error_that_says_where_to_look(place):
    with pytest.raises(CommandError) as raised:
        ledger.entry(place, "z")
    assert raised.value.message == "no drop `z`"
    assert raised.value.hint == "tidegate status lists the drops"
