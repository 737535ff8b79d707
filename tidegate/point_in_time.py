"""The point-in-time join: to each label row, a view's newest value that was known at its moment.

Bitemporal and nothing else: event_ts <= moment AND known_ts <= moment AND moment - event_ts <= TTL. Ties are
decided by (event_ts, known_ts, row), so that the answer never depends on the order of files. The result has
exactly the label rows, in their order.
"""

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.duck import connect
from tidegate.feature_plan import ViewPlan

# Two ASOF steps cost the same however many rows an entity has: first the newest row in the total order among
# those known at each instant, then the label's look-up in that. Exact because event_ts <= known_ts holds on
# every row, which `join` checks.
_JOIN = """
    with feature as (
        select *, row_number() over (order by event_ts, known_ts, row) as ord
        from (select *, row_number() over () as row from view_rows)
    ),
    known as (
        select {keys}, known_ts, max(ord) over (partition by {keys} order by known_ts) as ord from feature
    ),
    winner as (
        select l.row as label_row, l."{moment}" as moment, k.ord
        from (select *, row_number() over () as row from labels) l
        asof left join known k on {matches} and l."{moment}" >= k.known_ts
    )
    select {outputs}
    from winner w left join feature f using (ord)
    order by w.label_row
"""


class KnownBeforeEventError(ValueError):
    """A feature row says it was known before it happened; the join would not be exact."""


def join(labels: pa.Table, view: ViewPlan, rows: pa.Table, *, moment: str) -> pa.Table:
    """`labels` with the view's outputs added; null where no value was known or the newest was too old.

    Args:
        labels: one row for each label, with the view's keys and the column `moment` (timestamp, UTC).
        rows: the view's rows: keys, outputs, event_ts, known_ts (timestamps, UTC), in any order but a stable
            one where event_ts and known_ts tie.

    Raises:
        KnownBeforeEventError: a row's known_ts is before its event_ts.
    """
    early = pc.sum(pc.less(rows["known_ts"], rows["event_ts"])).as_py()
    if early:
        raise KnownBeforeEventError(f"{early} rows of view `{view.name}` were known before they happened")
    with connect() as connection:
        connection.register("labels", labels.select([*view.keys, moment]))
        connection.register("view_rows", rows)
        fresh = f"f.event_ts >= w.moment - to_seconds({view.ttl_seconds})"
        query = _JOIN.format(
            keys=", ".join(f'"{key}"' for key in view.keys),
            matches=" and ".join(f'l."{key}" = k."{key}"' for key in view.keys),
            moment=moment,
            outputs=", ".join(f'case when {fresh} then f."{name}" end as "{name}"' for name in view.outputs),
        )
        found = connection.sql(query).to_arrow_table()
    for name in view.outputs:
        labels = labels.append_column(name, found[name])
    return labels
