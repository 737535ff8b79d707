"""A manifest: the list of the objects that are one drop, in the form that Redshift's UNLOAD writes.

    {"entries": [{"url": "s3://bucket/key", "mandatory": true, "meta": {"content_length": 123}}]}

Pure. An object is named once, lies in the drop's own bucket and is of a format that is read: a manifest is no
way to make the pipeline open something else.
"""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tidegate.errors import DropUnreadableError
from tidegate.ingestion.formats import SUPPORTED, format_of, is_manifest

_SCHEME = "s3://"
_FORM = '{"entries": [{"url": "s3://bucket/key", "mandatory": true}]}'


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One object of a drop."""

    bucket: str
    key: str  # as `get_object` wants it: percent signs stay what they are
    mandatory: bool  # a drop that lacks it is no drop
    size: int | None  # bytes, where the manifest tells


def parse(body: bytes, *, bucket: str, maximum_entries: int = 1000) -> tuple[Entry, ...]:
    """The entries of a manifest that lies in `bucket`, in its order.

    Raises:
        DropUnreadableError: it is no manifest, or an entry names what is not read; the text says which.
    """
    found = _listed(body)
    if len(found) > maximum_entries:
        raise DropUnreadableError(
            f"the manifest has {len(found)} entries; at most {maximum_entries} are read",
            hint="write fewer, larger objects, or several manifests",
        )
    entries = tuple(_entry(number, entry, bucket) for number, entry in enumerate(found, 1))
    counts = Counter(entry.key for entry in entries)
    if repeated := [key for key, count in counts.items() if count > 1]:
        raise DropUnreadableError(
            f"the manifest names `{repeated[0]}` {counts[repeated[0]]} times",
            cause="its rows would be taken that often",
            hint="name every object once",
        )
    return entries


def _listed(body: bytes) -> list[Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as cause:
        raise DropUnreadableError(
            "the manifest is not JSON", cause=str(cause)[:300], hint=f"it looks like {_FORM}"
        ) from cause
    entries = document.get("entries") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise DropUnreadableError(
            "the manifest has no list of `entries`",
            cause=f"it is {type(document).__name__} with {sorted(document)[:10]}"
            if isinstance(document, dict)
            else f"it is a JSON {type(document).__name__}",
            hint=f"it looks like {_FORM}",
        )
    if not entries:
        raise DropUnreadableError("the manifest has no entries", hint="name at least one object")
    return entries


def _entry(number: int, entry: Any, bucket: str) -> Entry:
    url = entry.get("url") if isinstance(entry, dict) else None
    if not isinstance(url, str) or not url.startswith(_SCHEME):
        raise _refused(number, f"`url` is {json.dumps(url)[:200]}", "write it as s3://bucket/key")
    named, _, key = url.removeprefix(_SCHEME).partition("/")
    if named != bucket:
        raise _refused(number, f"it lies in bucket `{named}`, the manifest in `{bucket}`", "copy it there")
    if is_manifest(key):
        raise _refused(number, f"`{key}` is a manifest itself", "name the objects in one manifest")
    if format_of(key) is None:
        raise _refused(number, f"`{key}` is of no format that is read", f"read are {SUPPORTED}")
    mandatory = entry.get("mandatory", True)
    if not isinstance(mandatory, bool):
        raise _refused(number, f"`mandatory` is {json.dumps(mandatory)[:200]}", "write true or false")
    return Entry(bucket=named, key=key, mandatory=mandatory, size=_size(number, entry))


def _size(number: int, entry: dict[str, Any]) -> int | None:
    meta = entry.get("meta")
    size = meta.get("content_length") if isinstance(meta, dict) else None
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        told = json.dumps(size)[:200]
        raise _refused(
            number, f"`content_length` is {told}", "write the bytes of the object, or leave it out"
        )
    return size


def _refused(number: int, cause: str, hint: str) -> DropUnreadableError:
    return DropUnreadableError(f"entry {number} of the manifest cannot be read", cause=cause, hint=hint)
