"""The ingestion functions on a moto server, called as the state machine calls them."""

import json
import random

import pytest
from ingestion_account import COLUMNS, account, as_csv, as_messages, notification, rows

from tidegate.errors import DropUnreadableError


@pytest.fixture
def pipeline(aws, load, context, tmp_path):
    return account(aws, load, context, tmp_path)


def test_a_good_drop_becomes_a_dataset_version_once(pipeline):
    drop = pipeline.arrive(as_csv(rows(150)))
    first = pipeline.record(drop)
    again = pipeline.record(drop)

    assert first == again
    assert (first["rows"], first["total_rows"]) == (150, 150)
    assert first["first_event"] == "2013-01-01T00:00:00Z"
    assert first["last_event"] == "2013-01-04T02:30:00Z"
    row = pipeline.ledger_row(drop["drop_id"])
    assert (row["state"], row["reason"], row["rows"]) == ("recorded", "accepted", "150")
    assert row["version"] == first["version"]


def test_a_version_holds_the_rows_of_the_drops_before_it(pipeline):
    first = pipeline.record(pipeline.arrive(as_csv(rows(120))))
    second = pipeline.record(pipeline.arrive(as_csv(rows(110, first=120)), "drops/flights/2.csv"))

    catalog = pipeline.catalog()
    assert second["total_rows"] == 230 and second["version"] != first["version"]
    newest = catalog.read("flights", columns=["flight_id"])
    assert sorted(newest["flight_id"].to_pylist()) == sorted(row["flight_id"] for row in rows(230))
    assert catalog.read("flights", snapshot_id=first["snapshot_id"]).num_rows == 120


def test_reads_the_version_that_arrived_though_a_newer_one_exists(pipeline):
    arrived = pipeline.arrive(as_csv(rows(130)))
    pipeline.deliver(b"overwritten")
    _, verdict = pipeline.judge(arrived)
    assert (verdict["status"], verdict["rows"]) == ("accept", 130)


def test_a_renamed_column_and_celsius_are_quarantined_with_reasons_down_to_rows(pipeline):
    columns = ["destination" if name == "dest" else name for name in COLUMNS]
    drop = pipeline.arrive(as_csv(rows(120, temp=-3), columns))
    _, verdict = pipeline.judge(drop)
    answer = pipeline.call("quarantine_drop", {"drop": drop, "verdict": verdict, "reason": None})

    by_rule = {reason["rule"]: reason for reason in verdict["reasons"]}
    assert verdict["status"] == "quarantine"
    assert by_rule["columns"]["column"] == "dest" and "`destination`" in by_rule["columns"]["message"]
    assert by_rule["range"]["column"] == "temp" and by_rule["range"]["failed_rows"] == 120
    assert by_rule["range"]["first_rows"][:3] == [1, 2, 3]
    assert by_rule["range"]["first_values"][0] == "-3.0"
    report = json.loads(pipeline.kept(answer["report_key"]))
    assert report["drop"] == drop and report["verdict"] == verdict
    row = pipeline.ledger_row(drop["drop_id"])
    assert row["state"] == "quarantined" and "column `dest` is missing" in row["reason"]


def test_a_key_that_two_shards_share_is_found_with_its_row_in_the_drop(pipeline):
    pipeline.configure(shard_mebibytes=1)
    made = rows(12_000)
    made[11_990] = made[3]
    drop = pipeline.arrive(as_csv(made))
    reports, verdict = pipeline.judge(drop)

    assert len(reports) > 1
    repeated = next(reason for reason in verdict["reasons"] if reason["rule"] == "unique")
    assert (repeated["failed_rows"], repeated["first_rows"]) == (1, [11_991])
    assert repeated["first_values"] == [made[3]["flight_id"]]


def test_an_unreadable_drop_raises_what_the_machine_catches(pipeline):
    with pytest.raises(DropUnreadableError, match="is UTF-16 text"):
        pipeline.call("plan_shards", {"drop": pipeline.arrive(as_csv(rows(3)).decode().encode("utf-16"))})


def test_a_verdict_on_the_worst_of_drops_fits_between_states(pipeline):
    nonsense = [dict.fromkeys(COLUMNS, "\N{SNOWMAN}" * 100) for _ in range(150)]
    reports, verdict = pipeline.judge(pipeline.arrive(as_csv(nonsense)))
    assert verdict["status"] == "quarantine"
    assert len(json.dumps({"verdict": verdict, "reports": reports})) < 200_000
    full = json.loads(pipeline.kept(verdict["report_key"]))
    assert len(full["reasons"]) == verdict["checks_failed"]


def test_drift_against_the_champions_training_rows_is_a_warning(aws, pipeline):
    pipeline.record(pipeline.arrive(as_csv(rows(600))))
    key = next(
        found["Key"]
        for found in pipeline.s3.list_objects_v2(Bucket=pipeline.lake, Prefix="profiles/")["Contents"]
    )
    pipeline.s3.copy_object(
        Bucket=pipeline.lake,
        Key="training/run/baseline/profile.parquet",
        CopySource={"Bucket": pipeline.lake, "Key": key},
    )
    sagemaker, group = aws.client("sagemaker"), aws.name("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    package = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": "s3://lake/models/model.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        CustomerMetadataProperties={"baseline_uri": f"s3://{pipeline.lake}/training/run/baseline/"},
    )["ModelPackageArn"]
    aws.client("dynamodb").put_item(
        TableName=pipeline.state,
        Item={
            "id": {"S": "champion"},
            "model_package_arn": {"S": package},
            "model_version": {"N": "1"},
            "model_name": {"S": "flights-v1"},
            "variant": {"S": "variant-a"},
            "since": {"S": "2013-02-01T00:00:00Z"},
        },
    )
    _, verdict = pipeline.judge(pipeline.arrive(as_csv(rows(600, first=600, temp=80)), "drops/flights/2.csv"))
    assert verdict["status"] == "warn"
    assert {(reason["rule"], reason["column"]) for reason in verdict["reasons"]} == {("drift", "temp")}


def test_duplicated_and_shuffled_notifications_give_one_row_and_one_execution_each(aws, pipeline):
    seed = random.Random(7)  # noqa: S311  # an order, not a secret
    arrived = [
        pipeline.deliver(f"{number}".encode(), f"drops/flights/{number % 5}.csv") for number in range(20)
    ]
    repeated = arrived * 5
    seed.shuffle(repeated)
    for start in range(0, len(repeated), 10):
        answer = pipeline.call("receive_drop", as_messages(repeated[start : start + 10]))
        assert answer == {"batchItemFailures": []}

    found = pipeline.ledger_rows()
    assert len(found) == 20
    assert {row["state"]["S"] for row in found} == {"running"}
    executions = aws.client("stepfunctions").list_executions(stateMachineArn=pipeline.machine)["executions"]
    assert sorted(run["name"] for run in executions) == sorted(f"drop-{row['drop_id']['S']}" for row in found)


def test_a_drop_claimed_but_never_started_is_started_when_it_is_delivered_again(aws, pipeline):
    message = pipeline.deliver(b"1")
    pipeline.call("receive_drop", as_messages([message]))
    [row] = pipeline.ledger_rows()
    aws.client("dynamodb").update_item(  # as if the function had died between the claim and the start
        TableName=pipeline.ledger,
        Key={"drop_id": row["drop_id"]},
        UpdateExpression="SET #state = :received REMOVE execution_arn",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":received": {"S": "received"}},
    )
    pipeline.call("receive_drop", as_messages([message]))
    [row] = pipeline.ledger_rows()
    assert row["state"]["S"] == "running"
    assert row["execution_arn"]["S"].endswith(f":drop-{row['drop_id']['S']}")


@pytest.mark.parametrize(
    ("key", "size", "state", "reason"),
    [
        pytest.param("drops/flights/", 0, "ignored", "folder marker", id="folder marker"),
        pytest.param("elsewhere/1.csv", 5, "ignored", "not under drops/", id="wrong prefix"),
        pytest.param("drops/1.csv", 5, "ignored", "not under drops/", id="no dataset"),
        pytest.param("drops/trains/1.csv", 5, "quarantined", "`trains` is unknown", id="unknown dataset"),
        pytest.param("drops/flights/1.xlsx", 5, "quarantined", "no format", id="unknown format"),
        pytest.param("drops/flights/a b+ü/1.csv", 0, "quarantined", "0 bytes", id="empty, odd key"),
        pytest.param("drops/flights/1.csv", 5 << 40, "quarantined", "more than", id="too large"),
    ],
)
def test_an_envelope_that_is_wrong_ends_in_its_state_unopened(pipeline, key, size, state, reason):
    pipeline.call("receive_drop", as_messages([notification("bucket", key, "v1", "e", size)]))
    [row] = pipeline.ledger_rows()
    assert (row["state"]["S"], row["key"]["S"]) == (state, key)
    assert reason in row["reason"]["S"]


def test_a_message_nobody_understands_fails_alone(pipeline):
    event = as_messages([pipeline.deliver(b"1"), {"hello": "queue"}, pipeline.deliver(b"2")])
    assert pipeline.call("receive_drop", event) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert len(pipeline.ledger_rows()) == 2


def test_s3s_test_message_and_deletions_leave_no_trace(pipeline):
    deleted = notification("bucket", "drops/flights/1.csv", "v1", "e", 1) | {"detail-type": "Object Deleted"}
    test_message = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "bucket"}
    assert pipeline.call("receive_drop", as_messages([deleted, test_message])) == {"batchItemFailures": []}
    assert pipeline.ledger_rows() == []
