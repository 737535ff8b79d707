"""CloudWatch's state here: moto's backend for dashboards, insight rules and tags, ours for all else."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends

from localcloud import cloud
from localcloud.cloudwatch import intake
from localcloud.cloudwatch.alarm import Alarm
from localcloud.cloudwatch.alarms import Alarms
from localcloud.cloudwatch.store import Datum, MetricStore


class LocalCloudWatch(CloudWatchBackend):
    """Takes the place of moto's backend for every caller; its `urls` sit beside this module."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.store = MetricStore()
        self.local_alarms = Alarms(self.store)

    def put_metric_data(self, namespace: str, metric_data: Sequence[Mapping[str, Any]]) -> None:
        self.take(intake.read(namespace, metric_data, cloud.current().clock.time()))

    def take(self, data: Iterable[Datum]) -> None:
        """Store samples and wake the alarms over them."""
        metrics = set()
        now = cloud.current().clock.time()
        for datum in data:
            self.store.record(datum, now)
            metrics.add(datum.metric)
        self.local_alarms.data_came(metrics)

    def describe_alarms(self) -> Iterable[Alarm]:  # type: ignore[override]  # ours, not moto's
        """For moto's tagging, which asks each alarm for its `alarm_arn`."""
        return list(self.local_alarms.by_name.values())

    def delete_alarms(self, alarm_names: Sequence[str]) -> None:
        for name in alarm_names:
            if alarm := self.local_alarms.by_name.get(name):
                self.tagger.delete_all_tags_for_resource(alarm.alarm_arn)
        self.local_alarms.delete(alarm_names)


def backend(account: str | None = None, region: str | None = None) -> LocalCloudWatch:
    """The backend of an account and region; of this cloud's own, where none is named."""
    here = cloud.current()
    return cast("LocalCloudWatch", cloudwatch_backends[account or here.account][region or here.region])
