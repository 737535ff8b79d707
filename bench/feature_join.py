"""Our point-in-time join as a process of its own: `python -m bench.feature_join ROWS LABELS`.

Prints one JSON object: rows of the answer and the sum of its first feature. What a deployed function does,
but for S3: record batches of the file stream through the join.
"""

import json
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.peers import peak
from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.feature_store.point_in_time import columns_of, join_stream

VIEW = ViewPlan(
    name="bench",
    source=SourcePlan(dataset="bench", event_ts="event_ts", known_ts="known_ts"),
    keys=("eid",),
    sql="",
    window_seconds=1,
    every_seconds=1,
    ttl_seconds=7 * 86_400,
    outputs={f"f{i}": "float64" for i in range(5)},
)
_BATCH_ROWS = 1 << 17  # as Arrow's scanner, which reads for pyiceberg


def main() -> None:
    rows, labels = sys.argv[1:]
    pa.set_cpu_count(1)
    wanted = pq.ParquetFile(labels, pre_buffer=False).read(use_threads=False)
    batches = pq.ParquetFile(rows, pre_buffer=False).iter_batches(
        _BATCH_ROWS, columns=columns_of(VIEW), use_threads=False
    )
    made = join_stream(wanted, VIEW, batches, moment="label_ts")
    found = {"rows": made.num_rows, "sum": pc.sum(made["f0"]).as_py(), "megabytes": peak.megabytes()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
