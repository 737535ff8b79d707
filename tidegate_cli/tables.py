"""The versioned tables of a place, found by the names that a person types."""

import difflib
import json
from typing import TYPE_CHECKING, Any

from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place

if TYPE_CHECKING:
    from tidegate.aws.catalog import Catalog
    from tidegate.ingestion.snapshots import Snapshot

_OURS = "features_"  # tables that the features machine makes, of which nobody thinks first


def catalog_of(place: Place) -> "Catalog":
    """The place's catalog, reached with the place's own clients and credentials.

    Raises:
        CommandError: pyarrow or pyiceberg is not installed.
    """
    try:
        from tidegate.aws import iceberg  # noqa: F401
        from tidegate.aws.catalog import Catalog
    except ModuleNotFoundError as cause:
        raise CommandError("versioned tables cannot be read", cause=str(cause), hint="uv sync") from cause
    return Catalog(
        place.client("s3"),
        lake_bucket=place.outputs["LakeBucket"],
        database=place.outputs["GlueDatabase"],
        glue=place.client("glue"),
        credentials=place.session.get_credentials(),
    )


def table_of(place: Place, name: str | None) -> str:
    """The table that is called so; without a name, the only dataset.

    Raises:
        CommandError: there is none, or there are several.
    """
    pages = (
        place.client("glue").get_paginator("get_tables").paginate(DatabaseName=place.outputs["GlueDatabase"])
    )
    names = sorted(
        table["Name"]
        for page in pages
        for table in page["TableList"]
        if table.get("Parameters", {}).get("table_type", "").upper() == "ICEBERG"
    )
    if name in names:
        return str(name)
    datasets = [each for each in names if not each.startswith(_OURS)]
    if name is None and len(datasets) == 1:
        return datasets[0]
    if not names:
        raise CommandError("no drop has been recorded yet", hint="deliver one with `tidegate drop FILE`")
    if name is None:
        raise CommandError("there are several tables", hint=f"name one: {', '.join(datasets or names)}")
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(names)}"
    raise CommandError(f"there is no table `{name}`", hint=hint)


def state_of(catalog: "Catalog", table: str, name: str | None) -> "Snapshot":
    """The state that a person means by a tag, an id, the first digits of a version or drop, or a time.

    Raises:
        CommandError: there is none of that name, or at that time.
    """
    from tidegate.ingestion.snapshots import find, iso, moment, nearest

    log = catalog.log(table)
    if not log:
        raise CommandError(f"`{table}` has no state yet", hint="deliver a drop with `tidegate drop FILE`")
    if name is None:
        return log[0]
    if found := find(log, name):
        return found
    named: list[dict[str, Any]] = [{"tag": name}]  # of a state that is not on the way to the newest
    named += [{"snapshot_id": name}] if name.isdecimal() else []
    when = moment(name)
    named += [{"as_of": when}] if when else []
    for options in named:
        try:
            return catalog.resolve(table, **options)
        except LookupError:
            continue
    lists = f"tidegate data log {table}"
    if when:
        raise CommandError(
            f"`{table}` had no state at {iso(when)}",
            cause=f"its first is of {iso(log[-1].committed_at)}",
            hint=lists,
        )
    close = nearest(log, name)
    raise CommandError(
        f"`{table}` has no state `{name}`",
        cause="no tag, snapshot id, version or drop is called so, and it is no time",
        hint=f"did you mean {' or '.join(f'`{each}`' for each in close)}?" if close else lists,
    )


def plain(value: Any) -> Any:
    """A value as JSON can say it: times as ISO 8601, decimals as text, what is no number as null."""
    match value:
        case dict():
            return {str(name): plain(item) for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case bytes():
            return value.hex()
        case float():
            return value if value - value == 0 else None  # infinities and NaN differ from themselves
        case bool() | int() | str() | None:
            return value
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else str(value)


def dumps(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
