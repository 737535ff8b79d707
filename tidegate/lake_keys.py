"""Where things lie in the lake bucket: the one place that spells its keys.

What lies under `staging/` is of use only while its drop is being judged and expires by a lifecycle rule.
"""

from tidegate.messages import Drop


def staged(drop: Drop, index: int, what: str) -> str:
    """Of one shard: `rows.parquet`, `checks.json`, `profile.parquet` or `keys.parquet`."""
    return f"staging/{drop.dataset}/{drop.drop_id}/shard-{index:05d}.{what}"


def rows(drop: Drop, index: int) -> str:
    """Rows of a shard as a data file of the dataset's table."""
    return f"warehouse/{drop.dataset}/data/{drop.drop_id}/shard-{index:05d}.parquet"


def profile(dataset: str, drop_id: str) -> str:
    return f"profiles/{dataset}/{drop_id}/drop.parquet"


def report(drop: Drop) -> str:
    """The verdict with all its reasons and rows."""
    return f"reports/{drop.dataset}/{drop.drop_id}/verdict.json"


def reasons(drop: Drop) -> str:
    """Why a drop is in quarantine."""
    return f"quarantine/{drop.dataset}/{drop.drop_id}/reasons.json"
