"""What Collect decides without a source: its configuration, marks, statements, names and types."""

import sqlite3
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.aws.sources import types
from tidegate.contract.plan import Column, ContractPlan
from tidegate.errors import ConfigError
from tidegate.ingestion import collection, watermark
from tidegate.ingestion.envelope import inspect
from tidegate.ingestion.notifications import ObjectNotification
from tidegate.ingestion.source_sql import SourceColumn, SourceSql
from tidegate.settings.collect_section import CollectSection
from tidegate.settings.config import PipelineConfig

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights" / "pipeline.toml"
LAST_TABLES = "[environments.dev]"
ORDERS = {
    "name": '"orders"',
    "kind": '"postgresql"',
    "secret": '"shop/reader"',
    "table": '"public.orders"',
    "watermark": '"changed_at"',
}
BUCKET = {"name": '"exports"', "kind": '"s3"', "uri": '"s3://partner/exports/"'}
PAGE = {"name": '"rates"', "kind": '"https"', "url": '"https://example.com/rates.csv"'}
CLICKS = {
    "name": '"clicks"',
    "kind": '"athena"',
    "database": '"web"',
    "uri": '"s3://web/clicks/"',
    "table": '"clicks"',
    "watermark": '"at"',
}


@pytest.fixture
def configured(tmp_path):
    """The example with these sources, as lines of TOML; `configured.text` is the file."""

    def write(*sources):
        tables = ["\n".join(["[[collect]]", *(f"{k} = {v}" for k, v in s.items())]) for s in sources]
        write.text = FLIGHTS.read_text().replace(LAST_TABLES, "\n".join([*tables, LAST_TABLES]), 1)
        file = tmp_path / "pipeline.toml"
        file.write_text(write.text)
        return PipelineConfig.from_toml(file, "dev")

    return write


# --- configuration


def test_sources_of_every_kind_are_read_and_survive_the_way_through_json(configured):
    config = configured(ORDERS, BUCKET, PAGE, CLICKS)
    assert [section.kind for section in config.collect] == ["postgresql", "s3", "https", "athena"]
    assert config.collect[0].schedule == "rate(1 day)"
    assert [section.overlap for section in config.collect] == [0, 3600, 0, 0]
    assert PipelineConfig.from_json(config.to_json()) == config


def test_all_mistakes_of_all_sources_are_told_with_their_lines(configured):
    with pytest.raises(ConfigError) as raised:
        configured(
            {**ORDERS, "schedule": '"daily"'}, {**ORDERS, "query": '"delete from x"'}, {**PAGE, "url": '"x"'}
        )
    lines = configured.text.splitlines()
    names = [number for number, line in enumerate(lines, 1) if line == 'name = "orders"']
    for line, sentence in (
        (lines.index('schedule = "daily"') + 1, "schedule of `orders` must be rate(N units) or cron"),
        (names[1], "two sources are called `orders`"),
        (names[1] + 3, "`orders` needs a `table` or a `query`, one of them"),
        (lines.index('query = "delete from x"') + 1, "query of `orders` must be a SELECT"),
        (lines.index('url = "x"') + 1, "`rates` needs a `url` like https://host/path"),
    ):
        assert f"line {line}: {sentence}" in str(raised.value)
    assert "has 5 mistakes" in str(raised.value)


@pytest.mark.parametrize(
    ("source", "changes", "sentence"),
    [
        (ORDERS, {"name": '"Orders"'}, "must be 1-30 of a-z, 0-9 and -"),
        (ORDERS, {"kind": '"oracle"'}, "`collect.0.kind` is 'oracle', must be one of postgresql, mysql"),
        (ORDERS, {"schedule": '"rate(2 day)"'}, "must be rate(N units)"),
        (ORDERS, {"schedule": '"rate(1 days)"'}, "must be rate(N units)"),
        (ORDERS, {"schedule": '"cron(0 3 * * *)"'}, "must be rate(N units) or cron(six fields)"),
        (ORDERS, {"secret": '""'}, "needs a `secret` or a `connection` of the Glue catalog"),
        (ORDERS, {"connection": '"warehouse"'}, "needs a `secret` or a `connection`"),
        (ORDERS, {"table": '""', "query": '"select 1; select 2"'}, "must be one statement"),
        (ORDERS, {"watermark": '""'}, "needs a `watermark`"),
        (ORDERS, {"initial": '"yesterday"'}, "initial of `orders` is no timestamp"),
        (ORDERS, {"initial": "2024-01-01"}, "must be text"),
        (ORDERS, {"watermark_type": '"integer"', "overlap_seconds": "5"}, "seconds are no part of it"),
        (ORDERS, {"uri": '"s3://a-bucket/b"'}, "`uri` means nothing to `orders`, which is postgresql"),
        (ORDERS, {"subnets": '["subnet-1"]'}, "needs both `subnets` and `security_groups`"),
        (ORDERS, {"chunk_rows": "0"}, "must be at least 1"),
        (ORDERS, {"timeout_seconds": "900"}, "must be at most 800"),
        (ORDERS, {"chunks": "5"}, "unknown key `collect.0.chunks`"),
        (CLICKS, {"database": '""'}, "needs a `database` of the catalog"),
        (CLICKS, {"secret": '"s"'}, "`secret` means nothing to `clicks`"),
        (BUCKET, {"uri": '"partner/exports"'}, "needs a `uri` like s3://bucket/prefix/"),
        (BUCKET, {"table": '"t"'}, "`table` means nothing to `exports`"),
        (PAGE, {"url": '"ftp://example.com/a"'}, "needs a `url` like https://host/path"),
        (PAGE, {"url": '"https://me:word@example.com/a"'}, "holds credentials"),
        (PAGE, {"url": '"http://example.com/a"', "secret": '"s"'}, "would send its secret unencrypted"),
    ],
)
def test_a_mistake_has_its_sentence(configured, source, changes, sentence):
    with pytest.raises(ConfigError) as raised:
        configured({**source, **changes})
    assert sentence in str(raised.value)


def test_more_sources_than_one_alarm_can_watch_are_refused(configured):
    with pytest.raises(ConfigError, match="has 11 sources, at most 10"):
        configured(*({**BUCKET, "name": f'"b{number}"'} for number in range(11)))


# --- marks

ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))])
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)  # noqa: DTZ001


@given(st.one_of(st.integers(), st.dates(), MOMENTS))
def test_a_mark_kept_as_text_is_the_same_mark(mark):
    kind = "integer" if isinstance(mark, int) else "timestamp" if isinstance(mark, datetime) else "date"
    known = watermark.coerce(mark, kind)
    again = watermark.parse(watermark.text_of(known), kind)
    assert again == mark and type(again) is type(mark)
    assert isinstance(mark, int) or getattr(again, "tzinfo", None) in (None, UTC)


@given(st.one_of(st.lists(st.integers(), unique=True), st.lists(st.dates(), unique=True)))
def test_different_marks_have_different_names(marks):
    assert len({watermark.name_part(mark) for mark in marks}) == len(marks)


def test_names_of_marks_are_those_of_the_guide():
    moment = datetime(2024, 1, 31, 23, 59, 59, 1, UTC)
    marks = (None, moment, moment.replace(tzinfo=None), date(2024, 1, 31), 42, -42)
    assert [watermark.name_part(mark) for mark in marks] == [
        *("start", "20240131T235959.000001Z", "20240131T235959.000001", "20240131", "42", "m42"),
    ]


def test_a_mark_is_moved_back_by_what_it_can_be():
    assert watermark.before(datetime(2024, 3, 1, tzinfo=UTC), 90) == datetime(
        2024, 2, 29, 23, 58, 30, tzinfo=UTC
    )
    assert watermark.before(date(2024, 3, 1), 1) == date(2024, 2, 29)  # a part of a day is a day
    assert watermark.before(date(2024, 3, 1), 86400) == date(2024, 2, 29)
    assert watermark.before(date(2024, 3, 1), 0) == date(2024, 3, 1)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (date(2024, 1, 1), "timestamp"),
        (datetime(2024, 1, 1, tzinfo=UTC), "date"),
        (True, "integer"),
        (Decimal("1.5"), "integer"),
        (1.0, "integer"),
        ("infinity", "timestamp"),
        (None, "integer"),
    ],
)
def test_a_value_of_another_kind_is_no_mark(value, kind):
    with pytest.raises(ValueError, match=type(value).__name__):
        watermark.coerce(value, kind)


def test_a_whole_decimal_is_an_integer():
    assert watermark.coerce(Decimal(9007199254740993), "integer") == 9007199254740993


# --- statements, run by databases that know nothing of us


def source_sql(kind, **section):
    return SourceSql(CollectSection(name="s", kind=kind, watermark="w", watermark_type="integer", **section))


@settings(max_examples=60, deadline=None)
@given(
    marks=st.lists(st.one_of(st.none(), st.integers(-5, 5)), max_size=25),
    limit=st.integers(1, 6),
    initial=st.one_of(st.none(), st.integers(-6, 6)),
)
def test_page_after_page_has_every_row_above_the_first_mark_once(marks, limit, initial):
    sql = source_sql("postgresql", table="main.t")
    with duckdb.connect() as database:
        database.execute("create table t (id integer, w integer)")
        database.executemany(
            "insert into t values (?, ?)", [[-1, None], *([n, m] for n, m in enumerate(marks))]
        )
        read, after = [], initial
        while True:
            page = sql.page(after, limit)
            count, high = database.execute(page.sql, page.values).fetchone()
            if not count:
                break
            rows = sql.rows([SourceColumn(name="id"), SourceColumn(name="w")], after, high)
            found = database.execute(rows.sql, rows.values).fetchall()
            assert len(found) >= count and count <= limit
            read += found
            after = high
        empty = sql.without_watermark()
        assert database.execute(empty.sql).fetchone() == (1 + marks.count(None),)
    wanted = [(n, m) for n, m in enumerate(marks) if m is not None and (initial is None or m > initial)]
    assert sorted(read) == sorted(wanted) and [m for _, m in read] == sorted(m for _, m in wanted)


NAMES = st.text(st.characters(exclude_categories=["C"], exclude_characters="."), min_size=1, max_size=12)


@given(NAMES)
def test_any_name_stays_a_name_in_double_quotes(name):
    column = SourceColumn(name=name, as_text=True)
    with duckdb.connect() as database:
        database.execute("create table t (w integer)")
        rows = source_sql("postgresql", query=f"select w, 7 as {quoted(name)} from t -- end").rows(
            [column], None, 1
        )
        database.execute("insert into t values (1)")
        if name.lower() != "w":
            assert database.execute(rows.sql, rows.values).fetchall() == [("7",)]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


@given(NAMES)
def test_any_name_stays_a_name_in_backticks_and_through_the_drivers_percent(name):
    sql = source_sql("mysql", table=name)
    with sqlite3.connect(":memory:") as database:
        database.execute(f"create table {quoted(name)} (w integer)")
        database.execute(f"insert into {quoted(name)} values (1)")
        rows = sql.rows([SourceColumn(name="w", as_text=True)], 0, 1)
        assert database.execute(rows.sql % ("?", "?"), rows.values).fetchall() == [("1",)]
        # what pymysql does to a statement without values
        assert database.execute(sql.without_watermark().sql % ()).fetchone() == (0,)


def test_a_value_is_never_part_of_a_statement():
    moment = datetime(2024, 1, 2, tzinfo=UTC)
    for kind in ("postgresql", "mysql", "redshift", "athena"):
        sql = source_sql(kind, table="t")
        for statement in (sql.rows([], moment, moment), sql.page(moment, 5)):
            assert "2024" not in statement.sql and set(statement.values) == {moment}


# --- names of drops


@pytest.mark.parametrize(
    "key",
    [
        collection.range_key("orders", "shop", None, datetime(2024, 1, 1, tzinfo=UTC)),
        collection.content_key("orders", "shop", 7, "ab" * 32, ".csv.gz"),
        collection.copy_key("orders", "shop", "a/b/2024 Ü.jsonl", '"etag"'),
        collection.copy_key("orders", "shop", "ü" * 500 + ".csv", '"etag"'),
    ],
)
def test_a_drop_of_any_source_is_one_that_ingestion_takes(key):
    notification = ObjectNotification(
        event="Object Created", bucket="b", key=key, size_bytes=9, etag="e", version_id="v", sequencer="0"
    )
    drop, decision = inspect(notification, dataset="orders", maximum_mebibytes=1)
    assert (drop.dataset, decision.state) == ("orders", "received")
    assert len(key.encode()) <= 1024


def test_another_content_or_another_key_is_another_copy():
    keys = {collection.copy_key("d", "s", key, etag) for key in ("a/x", "b/x") for etag in ("1", "2")}
    assert len(keys) == 4


# --- columns

CONTRACT = ContractPlan(
    id="c",
    version="1",
    dataset="d",
    hash="",
    columns=tuple(
        Column(name=name, type=name)
        for name in ("string", "integer", "number", "boolean", "date", "timestamp", "time", "array")
    ),
    rules=(),
)


def test_columns_that_are_as_the_contract_says_are_no_change():
    schema = pa.schema(
        {
            "string": pa.string(),
            "integer": pa.int16(),
            "number": pa.decimal128(5, 2),
            "boolean": pa.bool_(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("us"),
            "time": pa.time64("us"),
        }
    )
    assert collection.schema_changes(schema, CONTRACT) == ("column `array` of the contract is missing",)


def test_columns_that_came_went_or_changed_are_named():
    schema = pa.schema(
        {"integer": pa.string(), "date": pa.timestamp("us"), "array": pa.string(), "x": pa.bool_()}
    )
    assert collection.schema_changes(schema, CONTRACT)[:4] == (
        "column `integer` is string, the contract says integer",
        "column `date` is timestamp, the contract says date",
        "column `array` is string, the contract says array",
        "column `x` is not in the contract",
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # PostgreSQL: a modifier is ((precision << 16) | scale) + 4, as in numeric.h
        (types.of_postgres(1700, ((10 << 16) | 2) + 4), pa.decimal128(10, 2)),
        (types.of_postgres(1700, ((38 << 16) | 38) + 4), pa.decimal128(38, 38)),
        (types.of_postgres(1700, ((39 << 16) | 2) + 4), pa.float64()),
        (types.of_postgres(1700, ((2 << 16) | (2048 - 3)) + 4), pa.float64()),  # numeric(2,-3)
        (types.of_postgres(1700, -1), pa.float64()),
        (types.of_postgres(2950, -1), None),  # uuid
        # MySQL: the length of a decimal counts its sign and its point
        (types.of_mysql(246, 12, 2), pa.decimal128(10, 2)),
        (types.of_mysql(246, 11, 0), pa.decimal128(10, 0)),
        (types.of_mysql(246, 67, 2), pa.float64()),
        (types.of_mysql(245, 4, 0), None),  # json
        (types.of_athena("decimal", 38, 9), pa.decimal128(38, 9)),
        (types.of_athena("array", 0, 0), pa.string()),
    ],
)
def test_a_type_of_a_driver_is_one_of_arrow_or_text(found, expected):
    assert found == expected
