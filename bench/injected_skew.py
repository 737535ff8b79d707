"""Training-serving skew put into the year's flights, and the year without any: what MeasureSkew says of both.

Every night the aggregates of the flights that had landed are recorded: offline all of them, online the newest
of each entity. The next day's flights are asked about and answered by the model's own feature code, and their
captures are held against vectors rebuilt offline. Skew is put into two days: look-ups of an online store that
missed a night's writes, and a transform that was changed in the container alone.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.report import Figure
from tidegate.contract import compile_contract
from tidegate.contract.plan import ContractPlan
from tidegate.feature_store.aggregates import TIME, newest
from tidegate.feature_store.computation import compute
from tidegate.feature_store.feature_file import compile_feature_set, load
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.looked_up import MISSING, VIEWS, flat
from tidegate.feature_store.point_in_time import join
from tidegate.feature_store.store_parity import OfflineAnswer
from tidegate.feature_store.transforms import feature_columns
from tidegate.features import FeatureSet
from tidegate.monitoring.captured_vectors import Sample
from tidegate.monitoring.skew import Served, Skew, comparable, measure
from tidegate.plan import Plan
from tidegate.serving.instances import from_json
from tidegate.settings.config import PipelineConfig
from tidegate.training.artefact import FeatureCode
from tidegate_cli import example

DAY = timedelta(days=1)
NEW_YEAR = datetime(2013, 1, 1, tzinfo=UTC)
FIRST_DAY = 15  # of the year: the windows of the aggregates are full
DAYS = 363
ROWS = 500  # of a day's flights that are asked about
WITHIN = 2  # windows
RUN = "run-bench"
FEATURE_SET = "flight_delay"
ANSWERED_AFTER = timedelta(hours=1)  # midnight, by the wall clock: all was written by then


@dataclass(frozen=True)
class Night:
    """What the two stores held when a day began: rows of each view by its name."""

    offline: Mapping[str, pa.Table]
    online: Mapping[str, Mapping[str, dict[str, Any]]]  # view -> entity -> member of `views`


class Year:
    """The flights, their aggregates, and the champion's feature code."""

    def __init__(self, pipeline: Path, plan: Plan) -> None:
        self._plan = plan
        self._data = example.data(pipeline)
        self._columns = example.request_columns(pipeline)
        self._flights = self._data.flights(range(1, 13))
        landed = self._flights.cast(_in_microseconds(self._flights.schema))
        self._rows = {
            view.name: compute(view, landed, start=NEW_YEAR, stop=NEW_YEAR + 365 * DAY, revision=1)
            for view in plan.features.views
        }
        source = pipeline / "features.py"
        self.defined = load(source, FEATURE_SET)
        self.code = FeatureCode(
            feature_set=self.defined, plan=plan.features, types=plan.instance_types, run=RUN
        )
        with tempfile.TemporaryDirectory() as folder:
            other = Path(folder) / "features.py"
            other.write_text(source.read_text().replace("np.log1p(distance)", "np.log(distance)"))
            self.changed = load(other, FEATURE_SET)

    def night(self, day: int) -> Night:
        midnight = pa.scalar(NEW_YEAR + day * DAY, TIME)
        held, online = {}, {}
        for view in self._plan.features.views:
            first = pa.scalar(NEW_YEAR + day * DAY - timedelta(seconds=view.ttl_seconds), TIME)
            rows = self._rows[view.name]
            times = rows["event_ts"]
            held[view.name] = rows.filter(
                pc.and_(pc.greater_equal(times, first), pc.less_equal(times, midnight))
            )
            online[view.name] = {
                value.entity: {
                    "v": dict(value.outputs),
                    "et": value.event_ts,
                    "kt": value.known_ts,
                    "rev": value.revision,
                }
                for value in newest(view, held[view.name])
            }
        return Night(held, online)

    def measured(self, day: int, offline: Night, online: Night, container: FeatureSet) -> Skew:
        """The skew of a day whose look-ups `online` answered and whose vectors `container` made."""
        at = NEW_YEAR + day * DAY + ANSWERED_AFTER
        found = Sample(most=ROWS)
        asked = list(self._asked(day, online))
        rows = [flat(self._plan.features, instance) for instance in asked]
        columns = feature_columns(container, from_json(rows, self._plan.instance_types))
        vectors = zip(*(columns[name].tolist() for name in self._plan.features.features), strict=True)
        for number, (instance, vector) in enumerate(zip(asked, vectors, strict=True)):
            found.add(_record(f"{day}-{number}", at, instance, list(map(_plain, vector))))
        served = comparable(self.code, found.rows, found.left_out)
        answers = {view.name: _answers(view, offline, served) for view in self._plan.features.views}
        return measure(self.code, served, answers, found.left_out)

    def _asked(self, day: int, online: Night) -> Iterator[dict[str, Any]]:
        times = self._flights["scheduled_departure"].cast(TIME)
        begin, end = (pa.scalar(NEW_YEAR + each * DAY, TIME) for each in (day, day + 1))
        flights = self._flights.filter(pc.and_(pc.greater_equal(times, begin), pc.less(times, end)))
        for request in self._data.requests(self._data.sample(flights, ROWS), self._columns):
            views = {
                view.version: online.online[view.name].get(str(view.entity(request)), MISSING)
                for view in self._plan.features.views
            }
            yield {**request, VIEWS: views}


def figures(pipeline: Path) -> list[Figure]:
    """Windows until each kind of skew is detected, and the share of quiet days that alarm."""
    plan = Plan(
        config=PipelineConfig.from_toml(pipeline / "pipeline.toml", "dev"),
        contract=ContractPlan.from_json(compile_contract(pipeline / "contract.yaml")),
        feature_document=compile_feature_set(pipeline / "features.py", FEATURE_SET),
        code_version="bench",
    )
    year = Year(pipeline, plan)
    limit = plan.config.alarms.feature_skew
    found: list[Figure] = []
    quiet = []
    said: dict[str, list[Skew]] = {"look-ups": [], "transforms": []}
    before = year.night(FIRST_DAY - 1)
    for day in range(FIRST_DAY, DAYS):
        night = year.night(day)
        quiet.append(_worst(year.measured(day, night, night, year.defined)))
        if day < FIRST_DAY + WITHIN:
            said["look-ups"].append(year.measured(day, night, before, year.defined))
            said["transforms"].append(year.measured(day, night, night, year.changed))
        before = night
    for kind, windows in said.items():
        first = next((n for n, skew in enumerate(windows, 1) if _worst(skew) > limit), None)
        told = "not detected" if first is None else f"window {first}: {_told(windows[first - 1])}"
        print(f"skew of {kind:<12} {told}")
        name = f"skew of {kind}: windows until detected"
        found.append(Figure(name, first, "", WITHIN, skipped="not detected"))
    share = sum(rate > limit for rate in quiet) / len(quiet)
    print(f"quiet year   skew: {share:.4f} of {len(quiet)} days alarm, largest rate {max(quiet)}")
    return [*found, Figure("quiet year: windows that alarm for skew", share, "", 0)]


def _answers(view: ViewPlan, night: Night, served: list[Served]) -> list[OfflineAnswer | None]:
    """What a training set made of the night's rows would hold, as `tidegate.aws.offline` asks a state."""
    keys = {key: [row.row.instance.get(key) for row in served] for key in view.keys}
    moments = [datetime.fromtimestamp(row.moment, UTC) for row in served]
    labels = pa.table({**keys, "moment": pa.array(moments, TIME)})
    joined = join(labels, view, night.offline[view.name], moment="moment")
    return [OfflineAnswer(candidates=(values,)) for values in joined.select(list(view.outputs)).to_pylist()]


def _worst(skew: Skew) -> float:
    if skew.rows == 0 or skew.worst is None or skew.not_compared:
        raise AssertionError(f"not all rows were compared: {dict(skew.not_compared)}")
    return skew.worst.rate


def _told(skew: Skew) -> str:
    moved = [each for each in skew.features if each.differing]
    return "; ".join(
        f"{each.feature} differs in {each.rate:.0%} by {', '.join(each.causes)}" for each in moved
    )


def _record(name: str, at: datetime, instance: Mapping[str, Any], vector: list[Any]) -> bytes:
    """One line of a capture file, as an endpoint of ours writes it."""
    sides = {
        "endpointInput": {"instances": [instance], "vectors": True},
        "endpointOutput": {"predictions": [{"probability": 0.5}], "model": RUN, "vectors": [vector]},
    }
    captured = {side: {"data": json.dumps(body), "encoding": "JSON"} for side, body in sides.items()}
    event = {"eventId": name, "inferenceId": name, "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({"captureData": captured, "eventMetadata": event, "eventVersion": "0"}).encode()


def _plain(value: Any) -> Any:
    return None if value != value else value  # noqa: PLR0124  NaN: JSON has none


def _in_microseconds(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [field.with_type(TIME) if pa.types.is_timestamp(field.type) else field for field in schema]
    )
