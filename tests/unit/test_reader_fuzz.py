"""Sound files of every format with bytes changed, cut out and put in: rows or a refusal, always.

Where atheris is installed, `python tests/fuzz` goes on from here for as long as it is let.
"""

import gzip
import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import as_parquet, batches_of, contract

from tidegate.contract.plan import Column
from tidegate.errors import DropUnreadableError
from tidegate.ingestion.notifications import UnknownNotificationError, parse

PLAN = contract(
    Column(name="name", type="string"),
    Column(name="age", type="integer"),
    Column(name="height", type="number"),
    Column(name="price", type="number", format="decimal(9,2)"),
    Column(name="member", type="boolean"),
    Column(name="born", type="date"),
    Column(name="seen", type="timestamp", timezone="Europe/Berlin"),
    Column(name="at", type="time"),
    Column(name="tags", type="array", members=(Column(name="item", type="string"),)),
    Column(name="any", type="object"),
)
HEADER = ",".join(PLAN.names)
CSV = (
    HEADER + '\nAda,36,1.65,9.99,true,1815-12-10,2013-01-01T10:00:00Z,10:00,"[""a""]","{""b"": 1}"\r\n'
    '"Doe, ""Jo""\n",,nan,-1,no,,2013-07-01 12:00:00,,[],\nZoë,5.0,inf,1e3,0,NA,2013-01-01,23:59:59.5,,[1]\n'
).encode()
ROWS = [
    {"name": "Ada", "age": 36, "height": 1.65, "price": 9.99, "member": True, "born": "1815-12-10"},
    {
        "name": "Zo\u00eb",
        "seen": "2013-01-01T10:00:00Z",
        "at": "10:00",
        "tags": ["a", None],
        "any": {"b": [1]},
    },
    {"age": None, "height": 2**70, "price": "1.50", "odd": {"x": [{}]}},
]
JSONL = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
TABLE = pa.table(
    {
        "name": ["Ada", None, "Jo"] * 40,
        "age": pa.array([36, None, 5] * 40, pa.int32()),
        "height": [1.65, float("nan"), None] * 40,
        "seen": pa.array([0, 10**15, None] * 40, pa.timestamp("us")),
        "tags": [["a", None], [], None] * 40,
        "any": [{"b": 1, "c": [0.5]}, None, {"b": None, "c": None}] * 40,
    }
)
SOUND = {
    "p.csv": CSV,
    "p.jsonl": JSONL,
    "p.csv.gz": gzip.compress(CSV * 1, mtime=0),
    "p.jsonl.zst": pa.compress(JSONL, "zstd", asbytes=True),
    **{
        f"{codec}.parquet": as_parquet(TABLE, compression=codec, row_group_size=50, data_page_version=version)
        for codec, version in (("none", "1.0"), ("snappy", "1.0"), ("zstd", "2.0"))
    },
}
EVENT = {
    "Records": [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "raw"},
                "object": {"key": "drops/a+b.csv", "size": 9, "sequencer": "0A"},
            },
        }
    ]
}


QUEUED = {"eventSource": "aws:sqs", "messageId": "1"}


@st.composite
def damaged(draw, sound):
    """`sound` with a few runs of bytes replaced, cut out or put in."""
    body = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        stop = min(len(body), start + draw(st.sampled_from([0, 1, 1, 1, 2, 8, 40])))
        put = draw(
            st.sampled_from([b"", b"\0", b"\xff", b'"', b"\n", b"\r", b",", b"[", b"}", b"\x7f", b"9" * 30])
        )
        body[start:stop] = draw(st.just(put) | st.binary(min_size=1, max_size=4))
    return bytes(body)


def read_to_the_end(body, key):
    """Every row of it as Python has it, so that no value is left unread; the refusal, where it is refused."""
    try:
        for batch in batches_of(body, key, plan=PLAN, maximum_bytes=64 << 20):
            assert batch.rows.schema.names == list(PLAN.names)
            assert batch.plain().to_pylist() is not None
            for name, found in batch.failed.items():
                assert len(found.positions) == len(found.texts)
                assert batch.rows[name].take(pa.array(found.positions)).null_count == len(found.texts)
                assert "".join(found.texts).encode() is not None
            assert "".join(batch.extra).encode() is not None
    except DropUnreadableError as refused:
        return str(refused).encode()
    return None


def understand(text):
    """Notifications of an event as text; nothing where it is no notification."""
    try:
        deliveries = parse(json.loads(text))
    except (UnknownNotificationError, ValueError, RecursionError):
        return
    assert all(isinstance(found.key, str) for delivery in deliveries for found in delivery.notifications)


def test_the_sound_files_are_read():
    for key, body in SOUND.items():
        batches = batches_of(body, key, plan=PLAN)
        assert sum(len(batch.rows) for batch in batches) == (120 if "parquet" in key else 3), key


@pytest.mark.parametrize("key", SOUND)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_damaged_file_gives_rows_or_a_refusal(key, data):
    assert read_to_the_end(data.draw(damaged(SOUND[key])), key) != b""


def test_a_byte_changed_anywhere_in_parquet_gives_rows_or_a_refusal():
    body = SOUND["zstd.parquet"]
    for place in range(4, len(body), 23):
        for value in (0, 255, body[place] ^ 1):
            changed = bytearray(body)
            changed[place] = value
            assert read_to_the_end(bytes(changed), "zstd.parquet") != b"", place


def test_quotes_without_end_are_no_hang():
    body = b'name,age\na"b,"' + (b'""' * 100_000 + b"\n") * 10
    assert b"never closed" in read_to_the_end(body, "p.csv")


@settings(max_examples=200, deadline=None)
@given(body=damaged(json.dumps(EVENT).encode()))
def test_a_damaged_notification_is_understood_or_refused(body):
    text = body.decode("utf-8", "replace")
    understand(text)
    understand(json.dumps({"Records": [QUEUED | {"body": text}]}))
