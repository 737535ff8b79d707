"""What the shards of a drop left in the lake, put together again."""

import itertools
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tidegate import lake_keys
from tidegate.aws import objects
from tidegate.aws.profiles import get_profile
from tidegate.checks import Checks, KeyFile, merge_checks, repeated, with_count
from tidegate.checks.keys import Key, read_keys
from tidegate.contract.plan import ContractPlan
from tidegate.messages.ingestion import Drop, ShardReport
from tidegate.profile import Profile, merge

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MERGED_AT_ONCE = 64  # profiles in memory
_RANKS_MEANWHILE = 8192  # so that the many rounds of a thousand shards add nothing to the error of ranks


class Shards:
    """All shards of one drop, in the order of its rows."""

    def __init__(self, s3: "S3Client", bucket: str, drop: Drop, reports: Sequence[ShardReport]) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.drop = drop
        self.reports = sorted(reports, key=lambda report: report.index)

    def profile(self) -> Profile:
        """Of the drop's rows without those set aside."""
        whole: list[Profile] = []
        for report in self.reports:
            whole.append(get_profile(self.s3, self.bucket, self._key(report, "profile.parquet")))
            if len(whole) == _MERGED_AT_ONCE:
                whole = [merge(whole, ranks=_RANKS_MEANWHILE)]
        return merge(whole)

    def checks(self, plan: ContractPlan) -> Checks:
        """Of the whole drop, with the counts of rules that look across its shards."""
        documents = [
            objects.get_json(self.s3, self.bucket, self._key(report, "checks.json"))
            for report in self.reports
        ]
        merged = merge_checks([Checks.from_json(document) for document in documents])
        unique = [index for index, rule in enumerate(plan.rules) if rule.kind == "unique"]
        if not unique:
            return merged
        rows_before = list(itertools.accumulate((report.rows for report in self.reports), initial=0))[:-1]
        with ExitStack() as files:
            # On disk: 12 bytes a row, of which one partition at a time is read.
            keys = [KeyFile(self._local(files, report, "keys.parquet")) for report in self.reports]
            for index in unique:
                columns = plan.rules[index].columns

                def fetch(place: int, rows: NDArray[np.int64], columns: Sequence[str] = columns) -> list[Key]:
                    return self._keys(self.reports[place], columns, rows)

                count = repeated(index, keys, rows_before=rows_before, fetch=fetch)
                merged = with_count(merged, index, count)
        return merged

    def _keys(self, report: ShardReport, columns: Sequence[str], rows: NDArray[np.int64]) -> list[Key]:
        """Keys of these rows of a shard, 1-based, from the rows that it left."""
        with ExitStack() as files:
            good = pq.ParquetFile(self._local(files, report, "rows.parquet"))
            bad = None
            if report.bad_rows:
                bad = pq.ParquetFile(self._local(files, report, "bad-rows.parquet"))
            return read_keys(good, columns, rows, bad)

    def _local(self, files: ExitStack, report: ShardReport, what: str) -> BinaryIO:
        file = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
        self.s3.download_fileobj(self.bucket, self._key(report, what), file)
        file.seek(0)
        return cast("BinaryIO", file)

    def _key(self, report: ShardReport, what: str) -> str:
        return lake_keys.staged(self.drop, report.index, what)
