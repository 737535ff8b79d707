"""Drops as ingestion brings them into a table: Parquet files under the drop's own prefix, then one commit."""

from tidegate.aws.profiles import put_table
from tidegate.ingestion.snapshots import DROP, VERDICT, VERSION


def put_shards(catalog, drop_id, *shards, table="t"):
    """The files of a drop, before anybody commits them."""
    uris = []
    for index, rows in enumerate(shards):
        key = f"warehouse/{table}/data/{drop_id}/shard-{index:05d}.parquet"
        put_table(catalog.s3, catalog.lake_bucket, key, rows)
        uris.append(f"s3://{catalog.lake_bucket}/{key}")
    return uris


def deliver(catalog, drop_id, *shards, table="t", replaces=()):
    return catalog.append_files(
        table,
        shards[0].schema,
        put_shards(catalog, drop_id, *shards, table=table),
        key=drop_id,
        describe=lambda *_: {DROP: drop_id, VERDICT: "accept", VERSION: f"{drop_id:0>64}"},
        replaces=those_of(*replaces),
    )


def those_of(*drop_ids):
    """Chooses the states that these drops made."""
    return lambda states: [state for state in states if state.drop_id in drop_ids]


def values(catalog, column="id", **state):
    """The values of a column, sorted, nulls last."""
    found = catalog.read("t", columns=[column], **state)[column].to_pylist()
    return sorted(found, key=lambda value: (value is None, value))
