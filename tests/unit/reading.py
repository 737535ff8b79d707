"""Reading whole drops in tests: planned, every shard read, the rows together again."""

import datetime as dt
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tidegate.contract.plan import Column, ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.readers import plan_shards, read_batches

PLAN = ContractPlan(
    id="people",
    version="1.0.0",
    dataset="people",
    hash="",
    columns=(
        Column(name="name", type="string"),
        Column(name="age", type="integer"),
        Column(name="height", type="number"),
        Column(name="member", type="boolean"),
        Column(name="born", type="date"),
        Column(name="seen", type="timestamp", timezone="Europe/Berlin"),
    ),
    rules=(),
)
HEADER = "name,age,height,member,born,seen\n"
GOOD = HEADER + 'Ada,36,1.65,true,1815-12-10,2013-01-01T10:00:00Z\n"Doe, Jo",,nan,false,,\n'
NOON = dt.datetime(2013, 1, 1, 10, tzinfo=dt.UTC)


def batches_of(body, key, *, plan=PLAN, shard_bytes=1 << 30, maximum_bytes=1 << 30):
    if isinstance(body, str):
        body = body.encode()
    file = io.BytesIO(body)
    planned = plan_shards(file, key, len(body), shard_bytes=shard_bytes)
    return [
        batch
        for shard in planned.shards
        for batch in read_batches(file, key, len(body), shard, plan, maximum_bytes=maximum_bytes)
    ]


def rows_of(body, key="people.csv", **options):
    return pa.Table.from_batches([batch.plain() for batch in batches_of(body, key, **options)]).to_pylist()


def refusal(body, key="people.csv", **options):
    with pytest.raises(DropUnreadableError) as refused:
        batches_of(body, key, **options)
    return str(refused.value)


def contract(*columns):
    return ContractPlan(id="p", version="1.0.0", dataset="p", hash="", columns=columns, rules=())


def as_parquet(table, **options):
    out = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), out, **options)
    return out.getvalue()


def outcome(body, key, **options):
    """All that must not depend on how a drop is split: rows, failed values with their place, columns."""
    try:
        batches = batches_of(body, key, **options)
    except DropUnreadableError:
        return "refused"
    failed, rows = {}, 0
    for batch in batches:
        for name, found in batch.failed.items():
            places = (found.positions + rows).tolist()
            failed.setdefault(name, []).extend(zip(places, found.texts, strict=True))
        rows += len(batch.rows)
    table = pa.Table.from_batches([batch.plain() for batch in batches])
    present = frozenset().union(*(batch.present for batch in batches))
    extra = sorted(dict.fromkeys(name for batch in batches for name in batch.extra))
    return repr(table.to_pylist()), failed, sorted(present), extra
