"""Who answers when the endpoint does not: the champion in the function, a last answer, a declared default.

The champion is loaded at the first need, numpy with it: until then a function pays for neither.
"""

import json
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from tidegate.aws import fallbacks
from tidegate.aws.lazy_client import LazyClient
from tidegate.aws.live_models import LiveModel
from tidegate.errors import TidegateError
from tidegate.serving import answers
from tidegate.settings.config import ServingSection, TaskName

if TYPE_CHECKING:
    from tidegate.serving.fallback import FallbackModel

logger = logging.getLogger(__name__)
AGAIN_AFTER_SECONDS = 5.0  # of a champion that could not be loaded: its caller waited for that already
LAST_GOOD_ROWS = 1000

Kind = Literal["fallback", "last-good", "default"]
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StoodIn:
    """A degraded answer, and the version of the model where it is known."""

    kind: Kind
    predictions: list[dict[str, Any]]
    version: int | None = None


class StandIn:
    """All that one process can answer by itself.

    Args:
        s3: a client that gives up in time.
    """

    def __init__(self, s3: LazyClient, lake_bucket: str, serving: ServingSection, task: TaskName) -> None:
        self.s3 = s3
        self.lake_bucket = lake_bucket
        self.serving = serving
        self.task = task
        self.loaded: tuple[str, FallbackModel] | None = None  # sha256 and model
        self.failed: tuple[str, float] | None = None  # sha256, and until when it is not tried again
        self.last_good: OrderedDict[str, tuple[float, Any, int | None]] = OrderedDict()

    def remember(self, rows: Sequence[Row], predictions: Sequence[Any], version: int | None) -> None:
        """Keep good answers by their request rows, if the configuration wants them."""
        if not self.serving.last_good_seconds:
            return
        now = time.monotonic()
        for row, prediction in zip(rows, predictions, strict=True):
            self.last_good[_key(row)] = (now, prediction, version)
            self.last_good.move_to_end(_key(row))
        while len(self.last_good) > LAST_GOOD_ROWS:
            self.last_good.popitem(last=False)

    def answer(
        self, champion: LiveModel | None, rows: Sequence[Row], instances: Sequence[Row]
    ) -> StoodIn | None:
        """The best answer there is; None when there is none.

        Args:
            instances: the rows with their `views`, as the container takes them.
        """
        if champion is not None and (predictions := self._by_champion(champion.fallback, instances)):
            return StoodIn(kind="fallback", predictions=predictions, version=champion.version)
        if last := self._last_good(rows):
            return last
        if self.serving.default is None:
            return None
        default = answers.declared(self.task, self.serving.default)
        return StoodIn(kind="default", predictions=[default] * len(rows))

    def _by_champion(self, sha256: str, instances: Sequence[Row]) -> list[dict[str, Any]] | None:
        model = self._model(sha256) if sha256 else None
        if model is None:
            return None
        try:
            return model.answers(instances)
        except (TidegateError, ValueError, ArithmeticError) as error:
            # only the kind: the text may quote the request
            logger.warning("the fallback cannot answer", extra={"kind": type(error).__name__})
            return None

    def _model(self, sha256: str) -> "FallbackModel | None":
        if self.loaded is not None and self.loaded[0] == sha256:
            return self.loaded[1]
        if self.failed is not None and self.failed[0] == sha256 and time.monotonic() < self.failed[1]:
            return None
        try:
            document = fallbacks.get(self.s3.client, self.lake_bucket, sha256)
            from tidegate.serving.fallback import FallbackModel  # numpy: not at a cold start

            self.loaded = (sha256, FallbackModel(document))
        except (TidegateError, ClientError, BotoCoreError, ImportError, LookupError, ValueError) as error:
            self.failed = (sha256, time.monotonic() + AGAIN_AFTER_SECONDS)
            extra = {"fallback": sha256, "kind": type(error).__name__}
            logger.warning("the fallback cannot be loaded", extra=extra)
            return None
        return self.loaded[1]

    def _last_good(self, rows: Sequence[Row]) -> StoodIn | None:
        """Of all rows, or of none: a request has one kind of answer."""
        oldest = time.monotonic() - self.serving.last_good_seconds
        held = [self.last_good.get(_key(row)) for row in rows]
        known = [each for each in held if each is not None and each[0] >= oldest]
        if not self.serving.last_good_seconds or len(known) < len(rows):
            return None
        versions = {version for _, _, version in known}
        return StoodIn(
            kind="last-good",
            predictions=[prediction for _, prediction, _ in known],
            version=versions.pop() if len(versions) == 1 else None,
        )


def _key(row: Row) -> str:
    return json.dumps(row, sort_keys=True, separators=(",", ":"))
