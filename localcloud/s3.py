"""S3 where moto's is not enough: ranged reads from where the object is kept, and the cloud's own clock.

moto copies the whole object for every range of it, and dates objects by the machine's clock.
"""

import re
from datetime import datetime
from typing import Any

from moto.s3.models import FakeKey
from moto.s3.responses import S3Response

from localcloud import _moto_seams, cloud

_stock_get_key = S3Response._get_key
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def install() -> None:
    _moto_seams.replace("moto.s3.responses", "S3Response._get_key", get_key)
    _moto_seams.replace("moto.s3.models", "utcnow", _utcnow)


def get_key(self: S3Response, validate_storage_class: bool = True) -> tuple[Any, bool]:
    """The object; where one satisfiable range of it was asked for, one whose value is read by slices."""
    key, not_modified = _stock_get_key(self, validate_storage_class)
    wanted = _RANGE.fullmatch(self.headers.get("range", ""))
    if self.method == "GET" and wanted and not not_modified:
        first, last = int(wanted[1]), int(wanted[2] or key.size)
        if first < key.size and first <= last:
            return _Ranged(key), not_modified
    return key, not_modified


def _utcnow() -> datetime:
    return cloud.current().clock.now().replace(tzinfo=None)


class _Ranged:
    """An object in every respect but its value."""

    def __init__(self, key: FakeKey) -> None:
        self._key = key
        self.value = _Stored(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)


class _Stored:
    """What moto measures and cuts to answer a range."""

    def __init__(self, key: FakeKey) -> None:
        self._key = key

    def __len__(self) -> int:
        return int(self._key.size)

    def __getitem__(self, part: slice) -> bytes:
        with self._key.lock:
            self._key._value_buffer.seek(part.start)
            return bytes(self._key._value_buffer.read(part.stop - part.start))
