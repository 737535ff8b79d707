"""Where things lie in the lake bucket: the one place that spells its keys.

What lies under `staging/` is of use only while its drop is being judged and expires by a lifecycle rule.
"""

from tidegate.messages.ingestion import Drop

PROFILES = "profiles/"  # a table in Glue, partitioned by dataset and dt
FALLBACKS = "fallbacks/"
FEATURE_SETS = "features/sets/"
ROLLOUTS = "rollouts/"
PARTITION_KEYS = ("dataset", "dt")


def staged(drop: Drop, index: int, what: str) -> str:
    """Of one shard: rows.parquet, bad-rows.parquet, checks.json, profile.parquet or keys.parquet."""
    return f"{_staging(drop)}shard-{index:05d}.{what}"


def staged_objects(drop: Drop) -> str:
    """The objects that a manifest names, in its order."""
    return f"{_staging(drop)}objects.json"


def rows(drop: Drop, index: int) -> str:
    """Rows of a shard as a data file of the dataset's table."""
    return f"warehouse/{drop.dataset}/data/{drop.drop_id}/shard-{index:05d}.parquet"


def profile(drop: Drop) -> str:
    return f"{profile_partition(drop)}{drop.drop_id}.parquet"


def profile_partition(drop: Drop) -> str:
    """The folder of the profiles of one dataset and day."""
    dataset, day = profile_partition_values(drop)
    return f"{PROFILES}dataset={dataset}/dt={day}/"


def profile_partition_values(drop: Drop) -> tuple[str, str]:
    """Values of `PARTITION_KEYS`; the day is the one on which the drop arrived, in UTC."""
    return drop.dataset, drop.arrived_at[:10]


def report(drop: Drop, what: str) -> str:
    """`verdict.json`, `report.html`, or one of Model Monitor's files about the drop."""
    return f"reports/{drop.dataset}/{drop.drop_id}/{what}"


def reasons(drop: Drop) -> str:
    """Why a drop is in quarantine."""
    return f"quarantine/{drop.dataset}/{drop.drop_id}/reasons.json"


def bad_rows(drop: Drop, index: int) -> str:
    """Rows of a shard that were set aside from an accepted drop, each with its reasons."""
    return f"quarantine/{drop.dataset}/{drop.drop_id}/rows/shard-{index:05d}.parquet"


def feature_set(hash_: str) -> str:
    """A compiled feature set, content-addressed."""
    return f"{FEATURE_SETS}{hash_}.json"


def fallback(sha256: str) -> str:
    """A model as `predict` loads it when the endpoint does not answer, content-addressed."""
    return f"{FALLBACKS}{sha256}.json"


def feature_run(run: str, what: str) -> str:
    """Of one run of the features machine: plan.json, batch-00000.json, and what is named in that."""
    return f"features/runs/{run}/{what}"


def feature_batch(run: str, index: int) -> str:
    return feature_run(run, f"batch-{index:05d}.json")


def feature_rows(table: str, run: str, file: str) -> str:
    """A file of a run as a data file of the table of a view."""
    return f"warehouse/{table}/data/{run}/{file}"


def lineage(run: str, kind: str) -> str:
    """The OpenLineage event of a training run's START, COMPLETE or FAIL."""
    return f"lineage/{run}/{kind.lower()}.json"


def rollout(name: str, what: str) -> str:
    """`report.html` or `report.json` of one execution of the deployment machine."""
    return f"{ROLLOUTS}{name}/{what}"


def _staging(drop: Drop) -> str:
    return f"staging/{drop.dataset}/{drop.drop_id}/"
