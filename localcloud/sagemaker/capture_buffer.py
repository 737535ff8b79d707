"""Captured records on their way to S3, in files of JSON Lines."""

import json
import threading
import uuid
from datetime import datetime

from localcloud.sagemaker import s3, uris
from localcloud.sagemaker.capture import Exchange, Rules, file_key, record

FLUSH_BYTES = 1 << 20
FLUSH_SECONDS = 2.0


class Buffer:
    """Records of one variant on their way to S3; a file never holds records of two hours."""

    def __init__(self, endpoint: str, variant: str, wanted: Rules, role_arn: str) -> None:
        self.rules = wanted
        self._endpoint = endpoint
        self._variant = variant
        self._role_arn = role_arn
        self._lines: dict[str, list[tuple[datetime, str]]] = {}
        self._bytes = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    @property
    def is_empty(self) -> bool:
        return not self._lines and not self._writing.locked()

    def add(self, exchange: Exchange) -> bool:
        """Keep a record; True when it is time to flush."""
        line = json.dumps(record(exchange, self.rules, str(uuid.uuid4())), separators=(",", ":"))
        with self._lock:
            self._lines.setdefault(f"{exchange.when:%Y%m%d%H}", []).append((exchange.when, line))
            self._bytes += len(line)
            return self._bytes >= FLUSH_BYTES

    def flush(self) -> None:
        """Write what is kept. Records that the role may not write are lost, as they are in AWS.

        Raises:
            s3.DataError: the destination refused them.
        """
        with self._writing:
            with self._lock:
                hours, self._lines, self._bytes = self._lines, {}, 0
            for lines in hours.values():
                key = file_key(self._endpoint, self._variant, lines[0][0], str(uuid.uuid4()))
                content = "".join(f"{line}\n" for _, line in lines).encode()
                s3.put(content, uris.join(self.rules.destination, key), self._role_arn)
