"""Collect over MySQL's wire protocol, through awswrangler and its driver.

The server speaks the protocol and lets SQLite run the statements. So the login, the driver's placeholders,
its streaming cursor and its types are real, and MySQL's own planner, snapshot and time limit are not.
"""
# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import asyncio
import sqlite3
import threading
from datetime import datetime

import pyarrow as pa
import pytest
from collect_account import account  # noqa: F401
from mysql_mimic import MysqlServer, ResultColumn, ResultSet
from mysql_mimic.auth import IdentityProvider, NativePasswordAuthPlugin, User
from mysql_mimic.errors import ErrorCode, MysqlError
from mysql_mimic.session import BaseSession
from mysql_mimic.types import ColumnType
from mysql_mimic.variables import GlobalVariables, SessionVariables

from tidegate.ingestion.collection import SourceRefusedError, SourceUnavailableError

TYPES = {
    "id": ColumnType.LONGLONG,
    "amount": ColumnType.NEWDECIMAL,
    "changed_at": ColumnType.DATETIME,
    "note": ColumnType.JSON,
    "5%": ColumnType.LONG,
    "count(*)": ColumnType.LONGLONG,
    "max(`changed_at`)": ColumnType.DATETIME,
}


class Server:
    """One table `orders`; `statements` is what was asked, `failure` what the next SELECT says."""

    def __init__(self):
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.database.execute("create table orders (id, amount, changed_at, note)")
        self.statements, self.failure = [], None
        self.loop = asyncio.new_event_loop()
        self.mysql = MysqlServer(session_factory=lambda: OneSession(self), identity_provider=OneUser())
        self.loop.run_until_complete(self.mysql.start_server(host="127.0.0.1", port=0))
        self.port = self.mysql.sockets()[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def add(self, *rows):
        self.database.executemany("insert into orders values (?, ?, ?, ?)", rows)

    def close(self):
        self.mysql.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class OneSession(BaseSession):
    def __init__(self, server):
        self.server = server
        self.variables = SessionVariables(GlobalVariables())
        self.username = self.database = None

    async def handle_query(self, sql, attrs):
        self.server.statements.append(sql)
        if not sql.startswith("select"):
            return None
        if self.server.failure:
            raise self.server.failure
        try:
            cursor = self.server.database.execute(sql)
        except sqlite3.OperationalError as error:
            raise MysqlError(str(error), ErrorCode.PARSE_ERROR) from error
        names = [column[0] for column in cursor.description]
        columns = [ResultColumn(name, TYPES.get(name, ColumnType.VAR_STRING)) for name in names]
        return ResultSet(rows=cursor.fetchall(), columns=columns)


class OneUser(IdentityProvider):
    async def get_user(self, username):
        if username != "reader":
            return None
        word = NativePasswordAuthPlugin.create_auth_string("right")
        return User(name=username, auth_string=word, auth_plugin="mysql_native_password")


@pytest.fixture
def mysql():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def collect(account, mysql):
    def run(*, login=None, **section):
        secret = {
            "engine": "mysql",
            "host": "127.0.0.1",
            "port": mysql.port,
            "dbname": "shop",
            "username": "reader",
            "password": "right",
            **(login or {}),
        }
        given = {"kind": "mysql", "table": "orders", "watermark": "changed_at", **section}
        return account.collect(**given, secret=account.secret(secret))

    return run


def test_pages_are_read_with_their_types_and_each_row_once(account, collect, mysql):
    mysql.add(
        (1, "9.50", "2024-03-01 00:00:00.000001", '{"a": "5%"}'),
        (2, None, "2024-03-01 00:00:00.000002", None),
        (3, "1.25", "2024-03-01 00:00:00.000002", None),
        (4, "2.00", "2024-03-02 00:00:00", None),
        (5, "2.00", None, None),
    )
    answer = collect(maximum_rows=2, chunk_rows=1)
    tables = [account.rows(key) for key in answer["drops"]]
    assert [table["id"].to_pylist() for table in tables] == [[1, 2, 3], [4]]
    assert tables[0].schema.field("changed_at").type == pa.timestamp("us")
    assert tables[0]["changed_at"].to_pylist()[0] == datetime(2024, 3, 1, 0, 0, 0, 1)  # noqa: DTZ001
    assert tables[0]["note"].to_pylist() == ['{"a": "5%"}', None, None]
    assert "1 rows have no `changed_at` and are never read" in answer["warnings"]
    assert collect()["reason"] == "no new rows"


def test_a_percent_sign_of_a_query_is_not_the_drivers(account, collect, mysql):
    mysql.add((7, "1", "2024-03-01 00:00:00", "100%s"))
    answer = collect(
        table=None,
        query="select id % 5 as `5%`, changed_at, note from orders where note like '100\\%s' escape '\\'",
        initial="2024-01-01",
    )
    [row] = account.rows(answer["drops"][0]).to_pylist()
    assert (row["5%"], row["note"]) == (2, "100%s")


def test_the_session_is_a_snapshot_in_utc_with_a_time_limit(collect, mysql):
    collect(timeout_seconds=7)
    assert [s for s in mysql.statements if s.startswith(("set", "start"))][-4:] == [
        "set time_zone = '+00:00'",
        "set session max_execution_time = 7000",
        "set session transaction isolation level repeatable read",
        "start transaction with consistent snapshot, read only",
    ]


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"login": {"password": "wrong-secret"}}, "does not let us in"),
        ({"login": {"username": "nobody"}}, "does not let us in"),
        ({"login": {"engine": "postgres"}}, "does not let us in"),
        ({"watermark": "a`b"}, "refuses the query"),
        ({"table": "nowhere"}, "refuses the query"),
    ],
)
def test_what_needs_a_person_is_told_without_the_password(account, collect, mysql, section, sentence):
    mysql.add((1, "1", "2024-03-01 00:00:00", None))
    with pytest.raises(SourceRefusedError) as raised:
        collect(**section)
    assert sentence in str(raised.value) and raised.value.cause and "wrong-secret" not in str(raised.value)
    assert account.drop_keys() == [] and account.watermark is None


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (3024, "did not answer within 300 s"),  # MySQL's own, of max_execution_time
        (1205, "cannot be reached, or broke off"),  # of a lock
        (1053, "cannot be reached, or broke off"),  # of a shutdown
    ],
)
def test_what_passes_by_itself_is_told_as_that(collect, mysql, code, sentence):
    mysql.failure = MysqlError("as it happens", code)
    with pytest.raises(SourceUnavailableError, match=sentence):
        collect()


def test_a_server_that_is_not_there_is_told(collect, mysql):
    with pytest.raises(SourceUnavailableError, match="cannot be reached"):
        collect(login={"port": 1})
