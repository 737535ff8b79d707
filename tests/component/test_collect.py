"""Collect from a real PostgreSQL server: what is read, what is said, and that nothing is lost on the way."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import contextlib
import json
import socket
import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from collect_account import account  # noqa: F401
from postgres_server import ADDRESS, LOGIN, Postgres

from tidegate.aws.sources import databases
from tidegate.aws.watermarks import Pending, Progress, Watermarks
from tidegate.ingestion.collection import SourceRefusedError, SourceUnavailableError

TABLE = "create table {0} (id bigint primary key, amount numeric(10,2), changed_at timestamptz)"
DAY = "2024-03-0{}T00:00:00+00:00"


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def orders(account, postgres):
    """A table of the test's own, and its source: `orders.add((id, amount, changed_at), ...)`."""
    return Orders(account, postgres)


class Orders:
    def __init__(self, account, postgres, shape=TABLE):
        self.account, self.postgres = account, postgres
        self.table = account.aws.name("orders")
        self.secret = account.secret(postgres.secret)
        postgres.run(shape.format(f'"{self.table}"'))

    def add(self, *rows):
        for id_, amount, changed_at in rows:
            self.postgres.run(
                f'insert into "{self.table}" values (:id, :amount, :changed_at)',
                id=id_,
                amount=amount,
                changed_at=changed_at,
            )

    def collect(self, *, seconds=900.0, run="run-1", **changes):
        section = {
            "kind": "postgresql",
            "secret": self.secret,
            "table": self.table,
            "watermark": "changed_at",
            **changes,
        }
        return self.account.collect(
            seconds=seconds, run=run, **{k: v for k, v in section.items() if v is not None}
        )

    def ids(self, key):
        return self.account.rows(key)["id"].to_pylist()


def test_a_first_run_takes_all_rows_and_the_next_only_what_is_newer(orders):
    orders.add((1, "9.50", DAY.format(1)), (2, "-0.05", DAY.format(2)))
    first = orders.collect()
    assert first["drops"] == ["drops/orders/collected-orders-start-20240302T000000.000000Z.parquet"]
    assert (first["rows"], first["watermark"], first["more"]) == (2, DAY.format(2), False)
    orders.add((3, None, DAY.format(3)))
    second = orders.collect()
    assert second["drops"] == [
        "drops/orders/collected-orders-20240302T000000.000000Z-20240303T000000.000000Z.parquet"
    ]
    assert orders.ids(first["drops"][0]) == [1, 2] and orders.ids(second["drops"][0]) == [3]
    rows = orders.account.rows(first["drops"][0])
    assert rows.schema.field("amount").type == pa.decimal128(10, 2)
    assert rows["amount"].to_pylist() == [Decimal("9.50"), Decimal("-0.05")]
    assert rows["changed_at"].to_pylist() == [datetime(2024, 3, day, tzinfo=UTC) for day in (1, 2)]


def test_nothing_new_makes_no_drop_and_keeps_the_watermark(orders):
    orders.add((1, "1", DAY.format(1)))
    orders.collect()
    answer = orders.collect()
    assert (answer["drops"], answer["reason"], answer["watermark"]) == ([], "no new rows", DAY.format(1))
    assert len(orders.account.drop_keys()) == 1


def test_an_empty_source_is_no_drop(orders):
    assert orders.collect()["reason"] == "no new rows"
    assert orders.account.drop_keys() == [] and orders.account.watermark is None


def test_rows_at_the_initial_value_are_left_out(orders):
    orders.add((1, "1", DAY.format(1)), (2, "2", DAY.format(2)))
    answer = orders.collect(initial="2024-03-01T00:00:00Z")
    assert orders.ids(answer["drops"][0]) == [2]


def test_rows_that_tie_at_a_boundary_are_in_one_drop_and_none_is_twice(orders):
    # the second page would begin in the middle of the three of the second day
    orders.add(*((n, "1", DAY.format(day)) for n, day in enumerate((1, 2, 2, 2, 3), 1)))
    answer = orders.collect(maximum_rows=2)
    assert [orders.ids(key) for key in answer["drops"]] == [[1, 2, 3, 4], [5]]
    assert (answer["rows"], answer["more"]) == (5, False)


def test_rows_without_a_watermark_are_counted_and_said(orders):
    orders.add((1, "1", DAY.format(1)), (2, "2", None), (3, "3", None))
    answer = orders.collect()
    assert orders.ids(answer["drops"][0]) == [1]
    assert answer["warnings"] == ["2 rows have no `changed_at` and are never read"]


def test_a_row_that_is_committed_late_is_read_within_the_overlap(orders):
    orders.add((1, "1", DAY.format(1)), (3, "3", DAY.format(3)))
    orders.collect(overlap_seconds=2 * 86400)
    orders.add((2, "2", DAY.format(2)), (4, "4", DAY.format(4)))
    answer = orders.collect(overlap_seconds=2 * 86400)
    assert orders.ids(answer["drops"][0]) == [2, 3, 4]  # from after the first day: the third again


def test_rows_that_come_while_a_run_reads_are_left_for_the_next(orders, monkeypatch):
    orders.add(*((n, "1", f"2024-03-01T00:00:0{n}Z") for n in range(1, 6)))
    read = databases.PostgreSql.tables

    def reading(self, low, high):
        for number, table in enumerate(read(self, low, high)):
            orders.add((100 + number, "1", "2024-03-01T00:00:02.5Z"), (200 + number, "1", DAY.format(9)))
            yield table

    with monkeypatch.context() as patched:
        patched.setattr(databases.PostgreSql, "tables", reading)
        answer = orders.collect(chunk_rows=2)
    assert orders.ids(answer["drops"][0]) == [1, 2, 3, 4, 5]
    again = orders.collect(overlap_seconds=60)
    assert set(orders.ids(again["drops"][0])) >= {100, 101, 102, 200, 201, 202}


def test_a_query_and_hard_names_and_types_are_read_exactly(orders):
    name = '"{}"'.format(orders.account.aws.name('we""ird %s '))
    orders.postgres.run(
        f'create table {name} ("a ""b" date, tags text[], doc jsonb, key uuid, '
        "big numeric, flag boolean, at timestamp, clock time, raw bytea, small real)"
    )
    orders.postgres.run(
        f"insert into {name} values "
        "('2024-02-29', '{x,\"y z\"}', '{\"k\": [1, null]}', '00000000-0000-0000-0000-000000000001', "
        "1234567890.125, true, '2024-02-29 12:00:00.000001', '23:59:59.5', '\\x00ff', 0.5)"
    )
    answer = orders.collect(
        table=None,
        query=f"select *, 7 % 4 as rest, '100%' as \"%s\" from {name} -- all",
        watermark='a "b',
        watermark_type="date",
        initial="2024-02-28",
    )
    assert answer["drops"][0].endswith("-20240228-20240229.parquet")
    [row] = orders.account.rows(answer["drops"][0]).to_pylist()
    assert row == {
        'a "b': date(2024, 2, 29),
        "tags": '{x,"y z"}',
        "doc": '{"k": [1, null]}',
        "key": "00000000-0000-0000-0000-000000000001",
        "big": 1234567890.125,
        "flag": True,
        "at": datetime(2024, 2, 29, 12, 0, 0, 1),  # noqa: DTZ001 - the column has no zone
        "clock": datetime(1, 1, 1, 23, 59, 59, 500000).time(),  # noqa: DTZ001
        "raw": "\\x00ff",
        "small": 0.5,
        "rest": 3,
        "%s": "100%",
    }


def test_numbers_are_a_watermark_too(orders):
    orders.add((-5, "1", None), (7, "1", None))
    answer = orders.collect(watermark="id", watermark_type="integer", initial="-6")
    assert answer["drops"] == ["drops/orders/collected-orders-m6-7.parquet"]
    assert (orders.ids(answer["drops"][0]), answer["watermark"]) == ([-5, 7], "7")


def test_a_timestamp_without_zone_keeps_its_clock_whatever_the_zone_of_the_server(account, postgres):
    shape = "create table {0} (id bigint, amount numeric, changed_at timestamp)"
    orders = Orders(account, postgres, shape)
    for day in (1, 2):
        orders.add((day, "1", f"2024-03-0{day} 00:00:00.000001"))
        answer = orders.collect(initial="2024-03-01T00:00:00Z")
        assert orders.ids(answer["drops"][0]) == [day]
    assert orders.account.watermark == "2024-03-02T00:00:00.000001"


def test_columns_that_changed_since_the_contract_are_said_and_the_drop_is_made(orders):
    orders.add((1, "1.00", DAY.format(1)))
    for change in ("alter column id type text", "add note text", "drop amount"):
        orders.postgres.run(f'alter table "{orders.table}" {change}')
    answer = orders.collect()
    assert orders.account.rows(answer["drops"][0]).column_names == ["id", "changed_at", "note"]
    assert answer["warnings"] == [
        "column `id` is string, the contract says integer",
        "column `note` is not in the contract",
        "column `amount` of the contract is missing",
    ]


def test_a_long_result_is_read_in_chunks_of_one_schema(orders):
    # nothing but nulls in the first chunks: their type comes from the source, not from the values
    orders.postgres.run(
        f'insert into "{orders.table}" select n, case when n > 250 then n end, '
        "timestamptz '2024-01-01Z' + n * interval '1 second' from generate_series(1, 300) n"
    )
    answer = orders.collect(chunk_rows=100)
    rows = orders.account.rows(answer["drops"][0])
    assert rows["id"].to_pylist() == list(range(1, 301)) and rows["amount"].null_count == 250


def test_a_run_that_died_before_its_drop_is_repeated_as_it_was(orders):
    orders.add((1, "1", DAY.format(1)))
    orders.collect()
    orders.add((2, "2", DAY.format(2)))
    before = Progress(watermark=DAY.format(1))
    watermarks = Watermarks(orders.account.dynamodb, orders.account.table)
    assert watermarks.intend("orders", before, Pending(low=DAY.format(1), high=DAY.format(2)))
    orders.add((3, "3", DAY.format(3)))
    answer = orders.collect()
    assert [orders.ids(key) for key in answer["drops"]] == [[2], [3]]
    assert orders.account.watermark == DAY.format(3)


def test_a_run_that_died_between_its_drop_and_the_watermark_makes_no_second_version(orders, monkeypatch):
    orders.add((1, "1", DAY.format(1)))
    with monkeypatch.context() as patched:
        patched.setattr(Watermarks, "advance", lambda *_: (_ for _ in ()).throw(OSError("lost power")))
        with pytest.raises(OSError, match="lost power"):
            orders.collect()
    assert orders.account.watermark is None and orders.account.versions() == 1
    orders.add((2, "2", DAY.format(2)))
    answer = orders.collect()
    assert [orders.ids(key) for key in answer["drops"]] == [[1], [2]]
    assert orders.account.versions() == 2  # one of each key


def test_a_range_whose_rows_are_gone_makes_no_empty_drop(orders):
    watermarks = Watermarks(orders.account.dynamodb, orders.account.table)
    watermarks.intend("orders", Progress(), Pending(low=None, high=DAY.format(2)))
    answer = orders.collect()
    assert answer["drops"] == [] and orders.account.drop_keys() == []
    assert orders.account.watermark == DAY.format(2)


def test_two_runs_at_once_are_one_run(orders):
    orders.add((1, "1", DAY.format(1)))
    watermarks = Watermarks(orders.account.dynamodb, orders.account.table)
    assert watermarks.lease("orders", "another", 0, 1e12)
    answer = orders.collect()
    assert (
        answer["reason"] == "another run is collecting from this source" and orders.account.drop_keys() == []
    )
    watermarks.release("orders", "run-1")  # not the one that holds it
    assert orders.collect()["drops"] == []
    watermarks.release("orders", "another")
    assert len(orders.collect()["drops"]) == 1


def test_the_lease_of_a_dead_run_ends_and_lambdas_second_try_need_not_wait_for_it(orders):
    watermarks = Watermarks(orders.account.dynamodb, orders.account.table)
    assert watermarks.lease("orders", "dead", 1000, 60)
    assert not watermarks.lease("orders", "other", 1060, 60)
    assert watermarks.lease("orders", "dead", 1059, 60)
    assert not watermarks.lease("orders", "other", 1119, 60)
    assert watermarks.lease("orders", "other", 1120, 60)


def test_a_run_that_outlived_its_lease_cannot_move_the_watermark(orders):
    watermarks = Watermarks(orders.account.dynamodb, orders.account.table)
    mine = Progress(pending=Pending(low=None, high="1"))
    assert watermarks.intend("orders", Progress(), Pending(low=None, high="1"))
    assert watermarks.advance("orders", mine, "1")
    assert not watermarks.advance("orders", mine, "1")
    assert not watermarks.intend("orders", Progress(), Pending(low=None, high="0"))
    assert orders.account.watermark == "1"


def refused(orders, kind, **section):
    """The message of a run that fails with nothing changed and the source free for the next."""
    orders.add((1, "1", DAY.format(1)))
    with pytest.raises(kind) as raised:
        orders.collect(**section)
    assert orders.account.drop_keys() == [] and orders.account.watermark is None
    assert orders.account.item("lock#collect#orders") is None
    assert raised.value.cause and raised.value.hint
    return str(raised.value)


def test_wrong_credentials_are_told_without_them(orders):
    secret = orders.account.secret({**orders.postgres.secret, "password": "wrong-secret"})
    message = refused(orders, SourceRefusedError, secret=secret)
    assert f'password authentication failed for user "{LOGIN["username"]}"' in message
    assert "does not let us in" in message and "wrong-secret" not in message


@pytest.mark.parametrize(
    ("member", "value", "cause"),
    [
        ("dbname", "nowhere", 'database "nowhere" does not exist'),
        ("engine", "oracle", "Invalid connection type (oracle"),
        ("password", None, 'the secret has no "password"'),
    ],
)
def test_a_secret_that_does_not_fit_is_told(orders, member, value, cause):
    secret = {**orders.postgres.secret, member: value}
    if value is None:
        del secret[member]
    message = refused(orders, SourceRefusedError, secret=orders.account.secret(secret))
    assert cause in message and LOGIN["password"] not in message


def test_a_secret_that_is_not_there_is_told(orders):
    assert "ResourceNotFoundException" in refused(orders, SourceRefusedError, secret="none")  # noqa: S106


@pytest.mark.parametrize(
    ("section", "cause"),
    [
        ({"watermark": "gone"}, 'column "gone" does not exist'),
        ({"table": "nowhere.orders"}, 'relation "nowhere.orders" does not exist'),
        ({"table": None, "query": "select 1 from"}, "syntax error"),
        ({"table": None, "query": "select 1 as a, 2 as a"}, "two columns of one name"),
        ({"watermark": "id"}, "`watermark_type` is timestamp"),
        ({"watermark_type": "date"}, "`watermark_type` is date"),
        ({"table": None, "query": "select pg_ls_dir('.'), now() as changed_at"}, "permission denied"),
    ],
)
def test_a_query_the_source_refuses_is_told(orders, section, cause):
    assert cause in refused(orders, SourceRefusedError, **section)


def test_a_value_that_no_file_can_hold_is_told(orders):
    orders.add((0, "1", "infinity"))
    message = refused(orders, SourceRefusedError, watermark="id", watermark_type="integer")
    assert "has a value that does not fit" in message


def test_a_statement_that_takes_too_long_is_stopped_by_the_server(orders):
    message = refused(
        orders,
        SourceUnavailableError,
        table=None,
        query=f'select id, changed_at, pg_sleep(3) as slow from "{orders.table}"',
        timeout_seconds=1,
    )
    assert "did not answer within 1 s" in message and "statement timeout" in message


def test_a_run_whose_own_time_ends_takes_back_what_is_half_done(orders):
    message = refused(orders, SourceUnavailableError, seconds=5)
    assert "more rows than one run can read" in message
    assert orders.account.unfinished() == []
    assert orders.collect()["rows"] == 1


def test_a_source_that_is_down_loses_nothing(orders):
    orders.postgres.stop()
    try:
        orders_row = {"table": orders.table}
        with pytest.raises(SourceUnavailableError, match="cannot be reached"):
            orders.collect(**orders_row)
        assert orders.account.item("lock#collect#orders") is None
    finally:
        orders.postgres.start()
    orders.add((1, "1", DAY.format(1)))
    assert orders.collect()["rows"] == 1


def test_a_source_that_dies_while_it_is_read_leaves_no_drop(orders, monkeypatch):
    orders.add(*((n, "1", f"2024-03-01T00:00:0{n}Z") for n in range(1, 6)))
    read = databases.PostgreSql.tables

    def killed(self, low, high):
        for table in read(self, low, high):
            yield table
            orders.postgres.run(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = :name",
                name=LOGIN["username"],
            )

    with monkeypatch.context() as patched:
        patched.setattr(databases.PostgreSql, "tables", killed)
        with pytest.raises(SourceUnavailableError):
            orders.collect(chunk_rows=2)
    assert orders.account.drop_keys() == [] and orders.account.unfinished() == []
    pending = json.loads(orders.account.item("collect#orders")["pending"]["S"])
    assert pending == {"low": None, "high": "2024-03-01T00:00:05+00:00"}
    assert orders.ids(orders.collect()["drops"][0]) == [1, 2, 3, 4, 5]


def test_a_server_that_says_nothing_is_given_up(orders):
    with mute_server() as port:
        secret = orders.account.secret({**orders.postgres.secret, "port": port})
        message = refused(orders, SourceUnavailableError, secret=secret, timeout_seconds=1)
    assert "did not answer within 1 s" in message


@contextlib.contextmanager
def mute_server():
    """Takes connections and never answers."""
    with socket.create_server((ADDRESS, 0)) as server:
        held = []
        taking = threading.Thread(target=lambda: held.append(server.accept()), daemon=True)
        taking.start()
        yield server.getsockname()[1]
        taking.join()
        held[0][0].close()
