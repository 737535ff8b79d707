"""The models that serve now, and the look-up of what all of them need: two may need two versions of a view.

Who serves is known from the state table; it is read again about once a second, in the same call that reads
the values. Plans of feature sets come from the lake, where they never change.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tidegate.aws import feature_sets, live_models, online
from tidegate.aws.batch_get import Key
from tidegate.aws.lazy_client import LazyClient
from tidegate.aws.live_models import LiveModels
from tidegate.aws.online import Reading
from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan

logger = logging.getLogger(__name__)
KNOWN_FOR_SECONDS = 1.0
_OF_ONE_TABLE = ("AccessDeniedException", "ResourceNotFoundException")  # and yet the whole call fails


@dataclass(frozen=True, kw_only=True)
class Tables:
    online: str
    state: str


class Live:
    """What is known of the live models.

    Args:
        dynamodb: a client of `batch_get.deadline`.
        s3: one that gives up in time, too; made only when it is needed.
        packaged: the plan for models of whose own nothing is known.
        milliseconds: of a look-up; see `online.read`.
    """

    def __init__(
        self,
        dynamodb: Any,
        s3: LazyClient,
        *,
        tables: Tables,
        lake_bucket: str,
        packaged: FeatureSetPlan,
        milliseconds: int = online.LOOK_UP_MS,
    ) -> None:
        self.dynamodb = dynamodb
        self.s3 = s3
        self.tables = tables
        self.lake_bucket = lake_bucket
        self.packaged = packaged
        self.milliseconds = milliseconds
        self.plans = {packaged.hash: packaged}  # every one that was ever needed
        self.versions: dict[str, int] = {}  # training run -> model version, which never changes
        self.models = LiveModels()
        self.views: tuple[ViewPlan, ...] = packaged.views  # of all live models, each version once
        self.known_until = 0.0  # by the monotonic clock

    def look_up(self, rows: Sequence[Mapping[str, Any]], moments: Sequence[float]) -> Reading:
        """`online.read` of the views of all live models."""
        due = time.monotonic() >= self.known_until
        views = self.views
        reading = self._read(views, rows, moments, live_models.keys(self.tables.state) if due else ())
        if due and reading.beside is None and reading.failure in _OF_ONE_TABLE:
            self.known_until = time.monotonic() + KNOWN_FOR_SECONDS
            return self._read(views, rows, moments)  # perhaps only the state table is out of reach
        if not due or reading.beside is None:
            return reading
        self._learn(reading.beside)
        known = {view.version: view.ttl_seconds for view in views}
        more = [view for view in self.views if known.get(view.version, -1) < view.ttl_seconds]
        if not more:
            return reading
        second = self._read(more, rows, moments)  # once after a model has come
        return Reading(
            views=[one | other for one, other in zip(reading.views, second.views, strict=True)],
            beside=reading.beside,
            failure=reading.failure or second.failure,
        )

    def plan_of(self, variant: str) -> FeatureSetPlan:
        """The features that the variant's model takes."""
        model = self.models.variants.get(variant)
        return self.plans.get(model.feature_set if model else "", self.packaged)

    def _read(
        self,
        views: Sequence[ViewPlan],
        rows: Sequence[Mapping[str, Any]],
        moments: Sequence[float],
        beside: Sequence[tuple[str, Key]] = (),
    ) -> Reading:
        return online.read(
            self.dynamodb,
            self.tables.online,
            views,
            rows,
            moments,
            milliseconds=self.milliseconds,
            beside=beside,
        )

    def _learn(self, items: Sequence[Mapping[str, Any]]) -> None:
        self.known_until = time.monotonic() + KNOWN_FOR_SECONDS
        self.models = live_models.parsed(items)
        self.versions |= self.models.runs
        # of a model that was recorded before its features were, nothing is known
        hashes = {model.feature_set for model in self.models.variants.values()}
        for hash_ in hashes - {"", *self.plans}:
            self._fetch(hash_)
        self.views = _union([self.plan_of(variant) for variant in self.models.variants] or [self.packaged])

    def _fetch(self, hash_: str) -> None:
        """A plan that cannot be had now is asked for again when the variants are read again."""
        try:
            self.plans[hash_] = feature_sets.get(self.s3.client, self.lake_bucket, hash_)
        except (LookupError, ValueError, TypeError, ClientError, BotoCoreError) as error:
            extra = {"feature_set": hash_, "kind": type(error).__name__}
            logger.warning("the features of a live model cannot be looked up", extra=extra)


def _union(plans: Sequence[FeatureSetPlan]) -> tuple[ViewPlan, ...]:
    """Each version of a view once, with the longest of its limits of age: every reader has its own again."""
    found: dict[str, ViewPlan] = {}
    for view in (view for plan in plans for view in plan.views):
        kept = found.get(view.version)
        if kept is None or kept.ttl_seconds < view.ttl_seconds:
            found[view.version] = view
    return tuple(found.values())
