"""Collect with Redshift's own driver, through awswrangler, from a PostgreSQL server.

The driver greets with words that only Redshift knows, so a relay leaves them out, and TLS with them:
Redshift's certificate cannot be had. The driver's placeholders, types and errors are real, Redshift's own SQL
is not.
"""
# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import contextlib
import functools
import socket
import struct
import threading
from datetime import UTC, datetime
from decimal import Decimal

import awswrangler as wr
import pyarrow as pa
import pytest
from collect_account import account  # noqa: F401
from postgres_server import ADDRESS, Postgres

from tidegate.ingestion.collection import SourceRefusedError, SourceUnavailableError

GREETING = {b"user", b"database", b"application_name"}


class Relay:
    """Between the driver and the server."""

    def __init__(self, port):
        self.target = (ADDRESS, port)
        self.server = socket.create_server((ADDRESS, 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.server.close()

    def _serve(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self.server.accept()
                server = socket.create_connection(self.target)
                server.sendall(self._greeting(client))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _greeting(client):
        """StartupMessage: its length, the protocol, then names and values, each with a zero behind it."""
        [length] = struct.unpack("!i", client.recv(4, socket.MSG_WAITALL))
        body = client.recv(length - 4, socket.MSG_WAITALL)
        words = body[4:].split(b"\0")
        kept = [
            b"\0".join(pair) for pair in zip(words[::2], words[1::2], strict=False) if pair[0] in GREETING
        ]
        told = body[:4] + b"\0".join(kept) + b"\0\0"
        return struct.pack("!i", len(told) + 4) + told

    @staticmethod
    def _pump(source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def redshift(account, postgres, monkeypatch):
    """`redshift(section)` collects from a table `orders` of four rows."""
    relay = Relay(postgres.port)
    monkeypatch.setattr(wr.redshift, "connect", functools.partial(wr.redshift.connect, ssl=False))
    postgres.run("drop table if exists orders")
    postgres.run("create table orders (id bigint, amount numeric(10,2), at timestamptz, doc jsonb)")
    postgres.run(
        "insert into orders values (1, 9.5, '2024-03-01Z', '{}'), (2, null, '2024-03-02Z', null), "
        "(3, 1, '2024-03-02 00:00:00.000001Z', null), (4, 1, null, null)"
    )

    def run(*, login=None, **section):
        secret = {**postgres.secret, "engine": "redshift", "port": relay.port, "username": "postgres"}
        given = {"kind": "redshift", "table": "orders", "watermark": "at", **section}
        return account.collect(**given, secret=account.secret({**secret, **(login or {})}))

    yield run
    relay.close()


def test_pages_are_read_with_their_types_and_each_row_once(account, redshift):
    answer = redshift(maximum_rows=2, chunk_rows=1)
    first, second = (account.rows(key) for key in answer["drops"])
    assert first["id"].to_pylist() == [1, 2] and second["id"].to_pylist() == [3]
    assert first.schema.field("amount").type == pa.decimal128(10, 2)
    assert first["amount"].to_pylist() == [Decimal("9.50"), None]
    assert first["doc"].to_pylist() == ["{}", None]
    assert second["at"].to_pylist() == [datetime(2024, 3, 2, 0, 0, 0, 1, tzinfo=UTC)]
    assert "1 rows have no `at` and are never read" in answer["warnings"]
    assert redshift()["reason"] == "no new rows"


def test_a_percent_sign_inside_quotes_is_read_as_it_is(account, redshift):
    answer = redshift(
        table="", query="select at, '100%' as share, id %% 2 as odd from orders", initial="2024-03-02"
    )
    assert account.rows(answer["drops"][0]).to_pylist() == [
        {"at": datetime(2024, 3, 2, 0, 0, 0, 1, tzinfo=UTC), "share": "100%", "odd": 1}
    ]


@pytest.mark.parametrize(
    ("section", "kind", "sentence"),
    [
        ({"login": {"dbname": "nowhere"}}, SourceRefusedError, "does not let us in"),
        ({"watermark": "gone"}, SourceRefusedError, "refuses the query"),
        ({"login": {"port": 1}}, SourceUnavailableError, "cannot be reached"),
        (
            {"table": "", "query": "select at, pg_sleep(3) from orders", "timeout_seconds": 1},
            SourceUnavailableError,
            "did not answer within 1 s",
        ),
    ],
)
def test_a_failure_is_told_and_nothing_is_made(account, redshift, section, kind, sentence):
    with pytest.raises(kind, match=sentence) as raised:
        redshift(**section)
    assert raised.value.cause and raised.value.hint
    assert account.drop_keys() == [] and account.watermark is None
