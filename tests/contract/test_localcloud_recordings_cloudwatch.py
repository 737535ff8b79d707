"""Calls of CloudWatch recorded on AWS, made again in the local cloud: the same answers and messages.

Where a recording keeps an answer but not the question, the question is written down here (QUESTIONS); it
follows from the answer's ids, labels and statistics.
"""

import json
import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localcloud import cloudwatch, server

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[3] / "shared" / "cases"))
FOLDER = CASES / "service-recordings" / "cloudwatch"
FILES = sorted(FOLDER.glob("*/*.json")) if FOLDER.is_dir() else []

# Recordings of what this cloud does not do, and why.
NOT_APPLICABLE = {
    "aws_sqs_metrics_created": "queues do not measure themselves here: no room records AWS/SQS metrics",
    "lambda_invoke_error": "needs a worker process; AWS/Lambda metrics are tested with the functions",
}

pytestmark = pytest.mark.skipif(
    not FILES, reason=f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
)


def stat(metric, namespace, statistic, period=60, **more):
    dimensions = more.pop("Dimensions", [])
    metric = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
    return {"Metric": metric, "Period": period, "Stat": statistic, **more}


def data(**queries):
    found = [{"Id": identity, "MetricStat": metric_stat} for identity, metric_stat in queries.items()]
    return "get_metric_data", {"MetricDataQueries": found}


def labelled(answer):
    """The queries of a label test: their ids are result_<statistic>_<period>_<unit>."""
    queries = {}
    for result in answer["content"]["MetricDataResults"]:
        _, statistic, period, unit = result["Id"].split("_")
        queries[result["Id"]] = stat("metric1", "test/u1", statistic, int(period), Unit=unit)
    return data(**queries)


REQUESTS = [
    {"Name": name, "Value": value}
    for name, value in [
        ("error", "none"),
        ("exception", "none"),
        ("method", "GET"),
        ("outcome", "SUCCESS"),
        ("uri", "/greetings"),
        ("status", "200"),
    ]
]
COUNT = "http.server.requests.count"
UNITS = "get_metric_data_different_units_no_unit_in_query"
QUESTIONS = {
    (f"{UNITS}-json-metric_data1", "get_metric_data_with_no_unit_specified"):
        lambda answer: data(m1=stat("m-test", "n-sp-u1", "Sum")),
    ("get_metric_data_stats-json-SampleCount", "get_metric_data"):
        lambda answer: data(result1=stat("metric1", "test/u1", "SampleCount")),
    ("get_metric_data_stats-json-Maximum", "get_metric_data"):
        lambda answer: data(result1=stat("metric1", "test/u1", "Maximum")),
    ("get_metric_with_null_dimensions-json", "get_metric_with_null_dimensions"):
        lambda answer: data(m1=stat("m-test", "n-u1", "Sum")),
    ("handle_different_units-json", "get_metric_statistics_with_different_units"):
        lambda answer: ("get_metric_statistics", {
            "Namespace": "n-sp-u1", "MetricName": "m-test", "Period": 60, "Statistics": ["Average"]}),
    ("label_generation-json-input_pairs0", "label_generation"): labelled,
    ("label_generation-json-input_pairs2", "label_generation"): labelled,
    ("label_generation-json-input_pairs5", "label_generation"): labelled,
    ("multiple_dimensions_statistics-json", "get-metric-stats-max"):
        lambda answer: data(result1=stat(COUNT, "test/u1", "Maximum", Dimensions=REQUESTS)),
    ("multiple_dimensions_statistics-json", "list-metrics"):
        lambda answer: ("list_metrics", {"Namespace": "test/u1"}),
    ("put_metric_data_values_list-json", "get_metric_statistics"):
        lambda answer: ("get_metric_statistics", {
            "Namespace": "ns-u1", "MetricName": "test-metric", "Period": 60,
            "Statistics": ["SampleCount", "Sum", "Maximum"]}),
    ("describe_minimal_metric_alarm-json", "describe_minimal_metric_alarm"):
        lambda answer: ("describe_alarms", {"AlarmNames": ["minimal"]}),
    ("alarm_number_of_messages_sent", "NumberOfMessagesSent-describe"):
        lambda answer: ("describe_alarms", {"AlarmNames": ["check_sqs_messages_u4"]}),
    # taken between two calls of which the later one is recorded
    ("enable_disable_alarm_actions-json", "ok-state-action-disabled-describe"): lambda answer: 10,
}  # fmt: skip
MINIMAL = {
    "AlarmName": "minimal", "MetricName": "m", "Namespace": "n", "Statistic": "Sum", "Period": 10,
    "EvaluationPeriods": 1, "Threshold": 30, "ComparisonOperator": "GreaterThanThreshold",
}  # fmt: skip
MESSAGES = {
    ("enable_disable_alarm_actions-json", "alarm-state-sqs-msg"): "queue-u2",
    ("alarm_number_of_messages_sent", "NumberOfMessagesSent-sqs-msg"): "queue-u2",
}


@pytest.fixture(scope="module")
def aws():
    with server.start(names=("events", "cloudwatch")) as running:
        yield running.cloud


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_answers_as_aws_did(aws, path):
    if path.stem in NOT_APPLICABLE:
        pytest.skip(NOT_APPLICABLE[path.stem])
    Replay(aws, path).run()


def test_what_does_not_apply_is_still_among_the_recordings():
    assert set(NOT_APPLICABLE) <= {path.stem for path in FILES}


class Replay:
    """One recording: its calls under names of its own, its answers compared."""

    def __init__(self, cloud, path):
        self.cloud = cloud
        self.name = path.stem
        # every recording has a queue-u1: make each one's names its own
        tail = "x" + str(FILES.index(path))
        self.case = json.loads(re.sub(r"\b([\w/-]*-u\d|test/u1|cpu-mon)\b", rf"\1{tail}", path.read_text()))
        self.tail = tail
        self.known = {"account": cloud.account, "region": cloud.region}
        self.answers = []
        self.now = datetime.now(UTC)  # one moment for all calls: two could lie on both sides of a minute

    def run(self):
        if self.name == "describe_minimal_metric_alarm-json":
            self.cloud.client("cloudwatch").put_metric_alarm(**MINIMAL)
        for step in self.case["calls"]:
            self.answers.append(self.make(step))
        for label, answer in self.case["answers"].items():
            expected = self.filled(answer["content"])
            found = self.found(label, answer, expected)
            loose = [key.rpartition(".")[2] for key in self.case.get("loose", [])]
            assert differences(expected, found, loose) == [], label

    def make(self, step):
        params = self.filled(step["params"])
        if (step["service"], step["call"]) == ("sqs", "send_message"):
            # queues do not measure themselves here; what AWS/SQS records of a message is recorded for it
            queue = params["QueueUrl"].rpartition("/")[2]
            cloudwatch.record("AWS/SQS", "NumberOfMessagesSent", {"QueueName": queue}, 1.0, "Count")
            return None
        call = getattr(self.cloud.client(step["service"]), step["call"])
        if not step.get("fails"):
            return call(**params)
        with pytest.raises(ClientError) as refusal:
            call(**params)
        return refusal.value.response

    def found(self, label, answer, expected):
        """What stands here for a recorded answer: a call's, a question's, or a message's."""
        if "of_call" in answer:
            return self.answers[answer["of_call"]]
        if queue := MESSAGES.get((self.name, label)):
            return self.message(queue + self.tail)
        question = QUESTIONS[self.name, label](answer)
        if isinstance(question, int):
            return self.answers[question]
        call, params = question
        params = json.loads(re.sub(r"\b([\w/-]*-u\d|test/u1)\b", rf"\1{self.tail}", json.dumps(params)))
        if call.startswith("get_"):
            now = datetime.now(UTC)
            params |= {"StartTime": now - timedelta(minutes=10), "EndTime": now + timedelta(minutes=1)}
        if call == "describe_alarms":
            cloudwatch.look()
        return getattr(self.cloud.client("cloudwatch"), call)(**params)

    def message(self, queue):
        """The first message of the queue: the notification in what SNS put there."""
        cloudwatch.look()
        sqs = self.cloud.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
                return json.loads(json.loads(message["Body"])["Message"])
            time.sleep(0.05)
        raise AssertionError("no message came")

    def filled(self, value):
        """A recorded value with its marks replaced."""
        if isinstance(value, dict):
            if set(value) == {"now_plus_seconds"}:
                return self.now + timedelta(seconds=value["now_plus_seconds"])
            return {key: self.filled(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.filled(part) for part in value]
        # the recorder left two braces behind the name of a topic
        return (
            re.sub(r"\{\{([^{}]+)\}\}", self.mark, value).removesuffix("}}")
            if isinstance(value, str)
            else value
        )

    def mark(self, match):
        kind, _, name = match[1].partition(":")
        match kind:
            case "topic_arn":
                return self.cloud.arn("sns", name)
            case "queue_arn":
                return self.cloud.arn("sqs", name)
            case "queue_url":
                return self.cloud.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
            case "answer":
                number, *path = name.split(".")
                found = self.answers[int(number)]
                for key in path:
                    found = found[int(key)] if key.isdigit() else found[key]
                return found
        return self.known[kind]


def differences(expected, found, loose, at="$"):
    """Where the two differ, by path; `<name>` stands for anything, keys in `loose` are left out."""
    if isinstance(expected, str) and re.fullmatch(r"<[^<>]+>", expected):
        return []
    if isinstance(expected, (dict, list)) and isinstance(found, str):
        found = json.loads(found)
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{at}: {found!r} is no object"]
        keys = (expected.keys() | found.keys()) - {*loose, "ResponseMetadata", "MaxAttemptsReached"}
        missing = [f"{at}.{key}: {'missing' if key in expected else 'too much'}" for key in keys
                   if (key in expected) != (key in found)]  # fmt: skip
        both = keys & expected.keys() & found.keys()
        return missing + [
            d for key in both for d in differences(expected[key], found[key], loose, f"{at}.{key}")
        ]
    if isinstance(expected, list):
        if len(expected) != len(found):
            return [f"{at}: {len(found)} items, not {len(expected)}"]
        # neither dimensions nor datapoints come in a promised order
        order = (sorted(part, key=lambda item: str(sorted(item.items())) if isinstance(item, dict) else "")
                 for part in (expected, found))  # fmt: skip
        return [
            difference
            for number, pair in enumerate(zip(*order, strict=True))
            for difference in differences(*pair, loose, f"{at}[{number}]")
        ]
    if isinstance(expected, str) and "<" in expected and isinstance(found, str):
        pattern = re.sub(r"<[^<>]+>", ".*", re.escape(expected).replace(r"\<", "<").replace(r"\>", ">"))
        return [] if re.fullmatch(pattern, found) else [f"{at}: {found!r}, not {expected!r}"]
    if type(expected) is bool or type(found) is bool:
        return [] if expected is found else [f"{at}: {found!r}, not {expected!r}"]
    return [] if expected == found else [f"{at}: {found!r}, not {expected!r}"]
