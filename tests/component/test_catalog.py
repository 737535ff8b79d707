"""Commits of the catalog on a moto server: once for each key, and what an overwritten object replaces."""

import pyarrow as pa
import pytest
from botocore.exceptions import ReadTimeoutError
from lake import deliver, put_shards, those_of, values
from pyiceberg.exceptions import CommitFailedException

from tidegate.aws import catalog as catalog_module
from tidegate.aws import iceberg
from tidegate.aws.catalog import Catalog
from tidegate.aws.profiles import put_table
from tidegate.errors import DatasetConflictError

ROWS = pa.table({"id": [1, 2, 3], "seen": pa.array([1, 2, 3], pa.timestamp("us", "UTC"))})


def ids(*numbers):
    return pa.table({"id": list(numbers)})


@pytest.fixture
def lose(monkeypatch):
    """Let the first `times` commits be lost to `error`, after `before` has been called."""

    def lose_commits(times, error=None, before=None):
        commit, left = iceberg.Glue.commit_table, [times]

        def refused_at_first(self, *arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                return commit(self, *arguments, **options)
            if before is not None:
                before()
            raise error or CommitFailedException("branch main has changed")

        monkeypatch.setattr(iceberg.Glue, "commit_table", refused_at_first)
        monkeypatch.setattr(catalog_module, "_FIRST_WAIT_SECONDS", 0)

    return lose_commits


def test_a_key_is_appended_once_however_often_it_is_tried(catalog):
    first = catalog.append("t", ROWS, key="a", properties={"run": "1"})
    assert catalog.append("t", ROWS, key="a") == first
    second = catalog.append("t", ROWS, key="b")
    assert (first.total_rows, second.total_rows, second.parent_id) == (3, 6, first.snapshot_id)
    assert catalog.head("t").properties["tidegate.key"] == "b" and first.properties["run"] == "1"


def test_a_key_is_found_again_however_many_came_after_it(catalog):
    first = deliver(catalog, "d0", ids(0))
    for number in range(1, 4):
        deliver(catalog, f"d{number}", ids(number))
    assert deliver(catalog, "d0", ids(0)) == first
    assert values(catalog) == [0, 1, 2, 3]


def test_files_in_the_lake_become_the_tables_own_and_may_add_a_column(catalog):
    catalog.append("t", ROWS, key="a")
    wider = ROWS.append_column("name", pa.array(["x", "y", None]))
    put_table(catalog.s3, catalog.lake_bucket, "warehouse/t/data/b/1.parquet", wider)
    uri = f"s3://{catalog.lake_bucket}/warehouse/t/data/b/1.parquet"
    parents = []

    def describe(parent, _):
        parents.append(parent.snapshot_id if parent else None)
        return {"made-of": "file"}

    added = catalog.append_files("t", wider.schema, [uri], key="b", describe=describe)
    assert (added.total_rows, added.properties["made-of"]) == (6, "file")
    assert parents == [added.parent_id]
    assert values(catalog, "name") == ["x", "y", None, None, None, None]


def test_a_drop_without_rows_is_a_state_too(catalog):
    empty = catalog.append_files("t", ROWS.schema, [], key="a", describe=lambda *_: {})
    assert (empty.total_rows, catalog.read("t").num_rows) == (0, 0)


def test_a_commit_that_others_won_is_tried_again_and_added_once(catalog, lose):
    catalog.append("t", ROWS, key="a")
    lose(3)
    assert catalog.append("t", ROWS, key="b").total_rows == 6


def test_a_commit_that_others_always_win_is_a_conflict(catalog, lose):
    catalog.append("t", ROWS, key="a")
    lose(100)
    with pytest.raises(DatasetConflictError, match="`t` was changed by others"):
        catalog.append("t", ROWS, key="b")


def test_a_commit_of_which_nothing_was_heard_is_looked_for_and_tried_again(catalog, lose):
    catalog.append("t", ROWS, key="a")
    lose(1, ReadTimeoutError(endpoint_url="glue"))
    assert catalog.append("t", ROWS, key="b").total_rows == 6


def test_a_commit_whose_answer_was_lost_is_not_made_twice(catalog, monkeypatch):
    catalog.append("t", ROWS, key="a")
    monkeypatch.setattr(catalog_module, "_FIRST_WAIT_SECONDS", 0)
    commit, calls = iceberg.Glue.commit_table, []

    def unheard(self, *arguments):
        calls.append(commit(self, *arguments))
        raise ReadTimeoutError(endpoint_url="glue")

    monkeypatch.setattr(iceberg.Glue, "commit_table", unheard)
    assert catalog.append("t", ROWS, key="b").total_rows == 6
    assert (len(calls), catalog.read("t").num_rows) == (1, 6)


def test_a_table_that_is_not_there_has_no_head(catalog):
    assert catalog.head("nothing") is None


def test_a_catalog_is_reached_by_what_it_is_given_and_not_by_the_environment(catalog, aws, monkeypatch):
    """As the command does, whose place is a session of its own."""
    catalog.append("t", ROWS, key="a")
    glue = aws.client("glue")
    credentials = glue._request_signer._credentials
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    given = Catalog(
        catalog.s3,
        lake_bucket=catalog.lake_bucket,
        database=catalog.database,
        glue=glue,
        credentials=credentials,
    )
    assert given.read("t").num_rows == 3
    assert given.append("t", ROWS, key="b").total_rows == 6


def test_rows_of_an_overwritten_object_are_replaced_in_one_state(catalog):
    first = deliver(catalog, "d1", ids(1, 2), ids(3))
    other = deliver(catalog, "d2", ids(10))
    replaced = deliver(catalog, "d3", ids(1, 20), replaces=["d1"])
    assert values(catalog) == [1, 10, 20]
    assert (replaced.operation, replaced.parent_id) == ("overwrite", other.snapshot_id)
    assert (replaced.added_rows, replaced.removed_rows, replaced.total_rows) == (2, 3, 3)
    assert replaced.replaces == ("d1",)
    assert values(catalog, snapshot_id=first.snapshot_id) == [1, 2, 3]
    assert values(catalog, snapshot_id=other.snapshot_id) == [1, 2, 3, 10]


def test_a_replacement_is_made_once_and_may_be_replaced_itself(catalog):
    deliver(catalog, "d1", ids(1))
    second = deliver(catalog, "d2", ids(2), replaces=["d1"])
    assert deliver(catalog, "d2", ids(2), replaces=["d1"]) == second
    assert values(catalog) == [2]
    deliver(catalog, "d3", ids(3), replaces=["d1", "d2"])
    assert values(catalog) == [3]


def test_a_replacement_without_rows_takes_the_old_ones_out(catalog):
    deliver(catalog, "d1", ids(1))
    deliver(catalog, "d2", ids(2))
    empty = catalog.append_files(
        "t", ids(1).schema, [], key="d3", describe=lambda *_: {}, replaces=those_of("d1")
    )
    assert (empty.total_rows, values(catalog)) == (1, [2])


def test_replacing_a_drop_that_added_no_rows_or_was_never_recorded_appends(catalog):
    catalog.append_files("t", ids(1).schema, [], key="empty", describe=lambda *_: {})
    added = deliver(catalog, "d1", ids(1), replaces=["empty", "never"])
    assert (added.operation, values(catalog)) == ("append", [1])


def test_the_first_drop_of_a_table_may_say_that_it_replaces(catalog):
    assert deliver(catalog, "d1", ids(1), replaces=["d0"]).total_rows == 1


def test_an_append_that_wins_against_a_replacement_is_not_lost(catalog, lose):
    deliver(catalog, "d1", ids(1))
    rival = Catalog(catalog.s3, lake_bucket=catalog.lake_bucket, database=catalog.database)
    uris = put_shards(catalog, "d2", ids(2))
    commit = iceberg.Glue.commit_table

    def append_first():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(iceberg.Glue, "commit_table", commit)
            rival.append_files("t", ids(2).schema, uris, key="d2", describe=lambda *_: {})

    lose(1, before=append_first)
    deliver(catalog, "d3", ids(3), replaces=["d1"])
    assert values(catalog) == [2, 3]


def test_two_replacements_of_the_same_drop_leave_no_row_of_it_and_both_of_theirs(catalog, lose):
    """The ledger puts overwrites in order; if two come at once all the same, no row goes twice."""
    deliver(catalog, "d1", ids(1))
    commit = iceberg.Glue.commit_table

    def replace_first():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(iceberg.Glue, "commit_table", commit)
            deliver(catalog, "d2", ids(2), replaces=["d1"])

    lose(1, before=replace_first)
    last = deliver(catalog, "d3", ids(3), replaces=["d1"])
    assert (values(catalog), last.total_rows) == ([2, 3], 2)


def test_rows_that_compaction_moved_to_other_files_are_not_doubled(catalog):
    deliver(catalog, "d1", ids(1, 2))
    deliver(catalog, "d2", ids(3))
    table = catalog._load("t")
    table.overwrite(table.scan().to_arrow())  # all rows in a file of nobody's
    with pytest.raises(DatasetConflictError, match="it added 2 rows, and 0 are in files of its own"):
        deliver(catalog, "d4", ids(4), replaces=["d1"])
    assert values(catalog) == [1, 2, 3]


def test_replaced_rows_are_found_after_manifests_were_merged(catalog):
    for number in range(1, 4):
        deliver(catalog, f"d{number}", ids(number))
    table = catalog._load("t")
    with table.transaction() as change:
        change.set_properties({"commit.manifest.min-count-to-merge": "2"})
    deliver(catalog, "d4", ids(4))
    assert len(catalog._load("t").current_snapshot().manifests(table.io)) == 1
    deliver(catalog, "d5", ids(5), replaces=["d2"])
    assert values(catalog) == [1, 3, 4, 5]
