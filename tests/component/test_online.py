"""Reading the online store: DynamoDB that answers in parts or not at all; the same age limit as offline."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ConnectTimeoutError
from serving_account import VERSIONS, plan

from tidegate.aws import batch_get, online
from tidegate.feature_store.aggregates import order_of
from tidegate.feature_store.point_in_time import join
from tidegate.moments import seconds

MOMENT = 1_362_877_200
ROWS = [{"carrier": carrier, "origin": "EWR"} for carrier in ("UA", "AA", "B6")]
VIEWS = plan().features.views
CARRIER, ORIGIN = VERSIONS["carrier_delay"], VERSIONS["origin_delay"]
FAILED = {"state": "failed"}
MISSING = {"state": "missing"}


class Store:
    """Answers each call with `step` of it: items, or an error raised; the last step for ever."""

    def __init__(self, *steps, et=MOMENT):
        self.steps = list(steps)
        self.et = et
        self.asked = []

    def batch_get_item(self, RequestItems):  # noqa: N803  boto's own name
        [(table, wanted)] = RequestItems.items()
        self.asked.append(len(wanted["Keys"]))
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        served, left = wanted["Keys"][:step], wanted["Keys"][step:]
        value = {"v": {"S": "{}"}, "et": {"N": str(self.et)}, "kt": {"N": str(self.et)}}
        unread = {table: {"Keys": left}} if left else {}
        return {"Responses": {table: [{**key, **value} for key in served]}, "UnprocessedKeys": unread}


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "BatchGetItem")


def read(store, rows=ROWS, **options):
    return online.read(store, "online", VIEWS, rows, [MOMENT] * len(rows), **options)


def states(reading):
    return [member.get("state", "fresh") for views in reading.views for member in views.values()]


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Seconds slept."""
    slept = []
    monkeypatch.setattr("tidegate.aws.batch_get.time.sleep", slept.append)
    return slept


def test_rows_of_one_request_are_one_call_with_each_key_once():
    store = Store(100)
    found = read(store)
    assert store.asked == [4]  # three carriers and one origin
    assert states(found) == ["fresh"] * 6
    assert found.failure is None


def test_keys_left_unread_are_asked_for_again(pauses):
    store = Store(1)
    found = read(store)
    assert store.asked == [4, 3, 2, 1]
    assert states(found) == ["fresh"] * 6 and found.failure is None
    assert [base / 2 <= pause <= base for pause, base in zip(pauses, (0.02, 0.04, 0.08), strict=True)]


def test_keys_that_stay_unread_are_failed_and_never_missing_and_the_others_are_used():
    found = read(Store(1, 0))
    assert found.failure == "UnprocessedKeys"
    assert sorted(states(found)) == ["failed"] * 5 + ["fresh"]


def test_throttling_that_passes_is_not_noticed():
    passing = [refused("ThrottlingException"), refused("ProvisionedThroughputExceededException")]
    found = read(Store(*passing, 100))
    assert states(found) == ["fresh"] * 6 and found.failure is None


@pytest.mark.parametrize(
    ("error", "kind", "calls"),
    [
        (refused("ThrottlingException"), "ThrottlingException", 5),
        (refused("AccessDeniedException"), "AccessDeniedException", 1),
        (ConnectionClosedError(endpoint_url="u"), "ConnectionClosedError", 5),
        (ConnectTimeoutError(endpoint_url="u"), "ConnectTimeoutError", 1),
    ],
)
def test_a_store_that_does_not_answer_is_a_failed_read_of_every_view(error, kind, calls):
    store = Store(error)
    found = read(store)
    assert found.views == [{CARRIER: FAILED, ORIGIN: FAILED}] * 3
    assert (found.failure, len(store.asked)) == (kind, calls)


def test_no_call_begins_after_the_deadline(monkeypatch):
    clock = iter([0.0, 0.1, 0.3, 0.6, 0.9])
    monkeypatch.setattr("tidegate.aws.batch_get.time.monotonic", lambda: next(clock))
    store = Store(refused("ThrottlingException"))
    found = read(store, milliseconds=500)
    assert len(store.asked) == 2  # at 0.1 s and 0.3 s
    assert found.views == [{CARRIER: FAILED, ORIGIN: FAILED}] * 3


def test_a_client_gives_up_within_the_deadline_and_never_retries_by_itself():
    config = batch_get.deadline(300)
    assert config.connect_timeout + config.read_timeout == pytest.approx(0.3)
    assert config.retries["total_max_attempts"] == 1


def test_more_than_a_hundred_keys_are_several_calls_and_what_is_read_before_a_failure_is_used():
    rows = [{"carrier": f"c{number}", "origin": None} for number in range(150)]
    store = Store(100, refused("AccessDeniedException"))
    found = read(store, rows)
    assert store.asked == [100, 50]
    carriers = [views[CARRIER].get("state", "fresh") for views in found.views]
    assert carriers == ["fresh"] * 100 + ["failed"] * 50


def test_a_row_without_an_entity_or_with_one_too_long_to_be_stored_asks_for_nothing():
    rows = [{"carrier": None, "origin": None}, {"carrier": "x" * 3000}]
    store = Store(100)
    assert read(store, rows).views == [{CARRIER: MISSING, ORIGIN: MISSING}] * 2
    assert store.asked == []


def test_items_of_another_table_are_read_in_the_same_call_and_their_failure_is_not_the_values():
    class Both:
        def __init__(self, throttled):
            self.throttled, self.asked = throttled, []

        def batch_get_item(self, RequestItems):  # noqa: N803
            self.asked.append(set(RequestItems))
            left = {"state": RequestItems["state"]} if self.throttled and "state" in RequestItems else {}
            value = {"v": {"S": "{}"}, "et": {"N": str(MOMENT)}, "kt": {"N": str(MOMENT)}}
            keys = RequestItems.get("online", {"Keys": []})["Keys"]
            found = {"online": [key | value for key in keys], "state": [] if left else [{"id": {"S": "x"}}]}
            return {"Responses": found, "UnprocessedKeys": left}

    beside = [("state", {"id": {"S": "x"}})]
    store = Both(throttled=False)
    found = read(store, beside=beside)
    assert store.asked == [{"online", "state"}]
    assert (found.beside, found.failure, states(found)) == ([{"id": {"S": "x"}}], None, ["fresh"] * 6)
    found = read(Both(throttled=True), beside=beside)
    assert (found.beside, found.failure, states(found)) == (None, None, ["fresh"] * 6)


# --- the age limit


def offline(view, event, moments):
    """At which moments the point-in-time join gives the one value there is."""
    time = pa.timestamp("us", tz="UTC")
    rows = pa.table(
        {
            "carrier": ["UA"],
            "carrier_delay_rate_7d": [0.25],
            "event_ts": pa.array([event], time),
            "known_ts": pa.array([event], time),
            "ord": pa.array([order_of(int(event.timestamp()), 1)], pa.int64()),
        }
    )
    labels = pa.table({"carrier": ["UA"] * len(moments), "at": pa.array(moments, time)})
    joined = join(labels, view, rows, moment="at")["carrier_delay_rate_7d"].to_pylist()
    return [value == 0.25 for value in joined]


TTL = timedelta(seconds=next(view.ttl_seconds for view in VIEWS if view.name == "carrier_delay"))
MICROSECOND = timedelta(microseconds=1)
SECONDS = [timedelta(seconds=n) for n in (-1, 0, 1)]
OFFSETS = [
    base + second + tick * MICROSECOND
    for base in (timedelta(0), TTL)
    for second in SECONDS
    for tick in (-1, 0, 1)
]
EVENTS = [
    datetime(2013, 3, 10, 1, tzinfo=UTC),  # an hour before daylight saving begins
    datetime(1969, 12, 25, tzinfo=UTC),  # its age limit ends after the epoch
    datetime(2099, 12, 31, 23, tzinfo=UTC),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event:%Y}")
def test_a_value_is_used_online_exactly_when_it_is_offline(event):
    view = next(view for view in VIEWS if view.name == "carrier_delay")
    store = Store(100, et=int(event.timestamp()))
    moments = [event + offset for offset in OFFSETS]
    texts = [moment.isoformat() for moment in moments]
    found = online.read(store, "online", [view], ROWS[:1] * len(texts), [seconds(text) for text in texts])
    members = [views[CARRIER] for views in found.views]
    expected = [timedelta(0) <= offset <= TTL for offset in OFFSETS]
    assert ["v" in member for member in members] == expected
    assert offline(view, event, moments) == expected
    for offset, member in zip(OFFSETS, members, strict=True):
        lack = "missing" if offset < timedelta(0) else None if offset <= TTL else "stale"
        assert member.get("state") == lack, offset


def test_a_value_that_was_not_known_yet_is_missing():
    item = {"v": {"S": "{}"}, "et": {"N": str(MOMENT - 60)}, "kt": {"N": str(MOMENT + 1)}}

    class Later:
        def batch_get_item(self, RequestItems):  # noqa: N803
            keys = RequestItems["online"]["Keys"]
            return {"Responses": {"online": [key | item for key in keys]}, "UnprocessedKeys": {}}

    assert read(Later(), ROWS[:1]).views[0][CARRIER] == {"state": "missing", "et": MOMENT - 60}
    known = online.read(Later(), "online", VIEWS, ROWS[:1], [MOMENT + 1])
    assert known.views[0][CARRIER] == {"v": {}, "et": MOMENT - 60, "kt": MOMENT + 1}
