"""PlanWindow: which captured files the next measurement takes, and none twice or never."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from serving_account import account, call  # noqa: F401

from tidegate.messages.monitoring import CaptureWindow

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def planned(load, context, account):
    """The window of files written at given moments: {key below the variant: (written, lines)}."""
    account.configure(monitoring={"minimum_rows": 30})

    def plan_window(files, most=1000):
        for name, (_, lines) in files.items():
            key = f"captures/{account.endpoint}/{name}"
            account.s3.put_object(Bucket=account.lake, Key=key, Body=b"{}\n" * lines)
        handler = load("functions.plan_window.handler", **account.environment)
        written = {f"captures/{account.endpoint}/{name}": moment for name, (moment, _) in files.items()}

        def age(parsed, **_):
            """S3 sets the time of writing; a test cannot wait for hours."""
            for item in parsed.get("Contents", []):
                item["LastModified"] = written.get(item["Key"], item["LastModified"])

        module = sys.modules["functions.plan_window"]
        module.MAX_FILES = most
        module.s3.meta.events.register("after-call.s3.ListObjectsV2", age)
        window = handler({}, context)
        CaptureWindow.from_json(window)
        return window

    return plan_window


def file(name, *, written=NOW - MINUTE, lines=40, variant="variant-a"):
    return {f"{variant}/{written - MINUTE:%Y/%m/%d/%H}/{name}.jsonl": (written, lines)}


@pytest.fixture
def champion(account):
    arn = account.register(run="run-5", baseline_uri="s3://lake/training/run-5/baseline/")
    account.put_champion(arn, since=(NOW - 3 * 60 * MINUTE).isoformat())
    return arn


def listed(account, uri):
    """A manifest's prefix, without the bucket and the captures' folder, and its names."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    [head, *files] = json.loads(account.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return head["prefix"].removeprefix(f"s3://{account.lake}/captures/{account.endpoint}/"), files


def names(account, window):
    """Files in the window's manifest, without their folders."""
    bucket, _, key = window["manifest_uri"].removeprefix("s3://").partition("/")
    [head, *files] = json.loads(account.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert head == {"prefix": f"s3://{account.lake}/captures/{account.endpoint}/variant-a/"}
    return [name.rpartition("/")[2].removesuffix(".jsonl") for name in files]


def test_without_a_champion_there_is_nothing_to_measure(planned):
    window = planned(file("a"))
    assert (window["ready"], window["run"]) == (False, "")
    assert window["reason"] == "no model serves yet"


def test_too_few_rows_wait_for_more_and_are_looked_at_all_the_same(planned, champion, account):
    window = planned(file("a", lines=29))
    assert (window["ready"], window["records"]) == (False, 29)
    assert window["reason"] == "29 of 30 captured requests a window needs"
    assert names(account, window) == ["a"]
    assert window["model_package_arn"] == champion


def test_without_any_traffic_there_is_still_a_run_for_late_labels(planned, champion, account):
    window = planned({})
    assert (window["ready"], window["records"]) == (False, 0)
    assert window["start"] == window["end"] == (NOW - 3 * 60 * MINUTE).isoformat()
    assert window["manifest_uri"] == f"s3://{account.lake}/monitoring/{window['run']}/captures.manifest"
    assert names(account, window) == []


def test_a_window_names_the_files_and_what_they_are_compared_with(planned, champion, account):
    first, second = NOW - 5 * MINUTE, NOW - 2 * MINUTE
    window = planned(file("b", written=second, lines=10) | file("a", written=first, lines=20))
    assert (window["ready"], window["records"]) == (True, 30)
    assert names(account, window) == ["a", "b"]
    assert window["start"] == (NOW - 3 * 60 * MINUTE).isoformat()
    assert window["end"] == second.isoformat()
    assert window["baseline_uri"] == "s3://lake/training/run-5/baseline/"
    assert window["predictions_uri"] == f"s3://{account.lake}/evaluations/run-5/predictions.parquet"
    assert window["model_package_arn"] == champion
    assert window["manifest_uri"] == f"s3://{account.lake}/monitoring/{window['run']}/captures.manifest"
    assert len(f"measure-{window['run']}") <= 63  # a processing job's name


def test_the_next_window_begins_where_the_last_one_ended(planned, champion, account):
    measured, fresh = NOW - 5 * MINUTE, NOW - 4 * MINUTE
    account.put_state("window", end=measured.isoformat())
    window = planned(file("old", written=measured) | file("new", written=fresh))
    assert names(account, window) == ["new"]
    assert window["start"] == measured.isoformat()


def test_traffic_of_the_model_before_this_champion_is_not_its_own(planned, champion, account):
    before = NOW - 200 * MINUTE
    account.put_state("window", end=(NOW - 300 * MINUTE).isoformat())
    window = planned(file("before", written=before) | file("since"))
    assert names(account, window) == ["since"]


def test_a_candidates_answers_are_listed_apart(planned, champion, account):
    window = planned(file("candidate", variant="variant-b") | file("champion"))
    assert names(account, window) == ["champion"]
    prefix, [candidate] = listed(account, window["others_uri"])
    assert (prefix, candidate.split("/")[0]) == ("", "variant-b")
    assert candidate.endswith("/candidate.jsonl")


def test_what_a_past_champion_answered_after_its_last_window_is_listed_apart(planned, champion, account):
    account.put_state("window", end=(NOW - 300 * MINUTE).isoformat())
    before = file("before", written=NOW - 200 * MINUTE) | file("measured", written=NOW - 300 * MINUTE)
    window = planned(before | file("since"))
    assert names(account, window) == ["since"]
    _, [name] = listed(account, window["others_uri"])
    assert name.endswith("/before.jsonl")


def test_without_another_model_nothing_is_listed_apart(planned, champion, account):
    assert planned(file("champion"))["others_uri"] == ""


def test_a_model_whose_evaluation_kept_a_reference_is_held_against_it(planned, champion, account):
    assert planned(file("a"))["reference_uri"] == ""
    key = "evaluations/run-5/reference/labels.parquet"
    account.s3.put_object(Bucket=account.lake, Key=key, Body=b"")
    window = planned(file("a"))
    assert window["reference_uri"] == f"s3://{account.lake}/evaluations/run-5/reference/"


def test_a_file_of_the_last_hour_written_in_this_one_is_found(planned, champion, account):
    start = (NOW - 60 * MINUTE).replace(minute=0, second=0)
    account.put_state("window", end=start.isoformat())
    late = {f"variant-a/{start - MINUTE:%Y/%m/%d/%H}/59-59-000-x.jsonl": (start + MINUTE, 40)}
    assert names(account, planned(late)) == ["59-59-000-x"]


def test_a_file_that_comes_hours_after_its_traffic_is_in_the_next_window(planned, champion, account):
    account.put_state("window", end=(NOW - 10 * MINUTE).isoformat())
    traffic = NOW - 20 * 60 * MINUTE
    late = {f"variant-a/{traffic:%Y/%m/%d/%H}/00-00-000-x.jsonl": (NOW - MINUTE, 40)}
    assert names(account, planned(late)) == ["00-00-000-x"]


def test_a_file_of_the_running_second_waits_for_those_that_may_yet_share_it(planned, champion, account):
    window = planned(file("running", written=datetime.now(UTC)) | file("settled"))
    assert names(account, window) == ["settled"]
    assert window["end"] == (NOW - MINUTE).isoformat()


def test_a_window_never_ends_within_a_second(planned, champion, account):
    one, two = NOW - 3 * MINUTE, NOW - 2 * MINUTE
    files = file("a", written=one) | file("b", written=two) | file("c", written=two) | file("d")
    window = planned(files, most=2)
    assert names(account, window) == ["a", "b", "c"]
    assert window["end"] == two.isoformat()
