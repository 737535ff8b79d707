"""What may be chosen: several objects at once, bad rows apart, overwrites, a person's last word."""

import io
import json

import pyarrow.parquet as pq
import pytest
from ingestion_account import account, as_csv, rows

from tidegate.errors import DropUnreadableError

PART = "drops/flights/_january/part-{}.csv"
MANIFEST = "drops/flights/january.manifest"
ACCEPTANCE = {"reason": "a new airport", "by": "arn:aws:iam::1:user/ada", "at": "2013-03-01T00:00:00Z"}


@pytest.fixture
def pipeline(aws, load, context, tmp_path):
    return account(aws, load, context, tmp_path)


def manifest_of(pipeline, *keys, **meta):
    entries = [{"url": f"s3://{pipeline.drops}/{key}", **meta} for key in keys]
    return json.dumps({"entries": entries}).encode()


def put_parts(pipeline, *counts):
    keys, first = [], 0
    for number, count in enumerate(counts):
        keys.append(PART.format(number))
        pipeline.s3.put_object(
            Bucket=pipeline.drops, Key=keys[-1], Body=as_csv(rows(count, first=first, temp=40))
        )
        first += count
    return keys


def test_the_objects_of_a_manifest_are_one_drop_with_rows_numbered_through(pipeline):
    keys = put_parts(pipeline, 70, 60)
    broken = rows(40, first=130)
    broken[4]["humid"] = 101
    keys.append(PART.format("last"))
    pipeline.s3.put_object(Bucket=pipeline.drops, Key=keys[-1], Body=as_csv(broken))
    drop = pipeline.arrive(manifest_of(pipeline, *keys), MANIFEST)
    reports, verdict = pipeline.judge(drop)
    assert [report["rows"] for report in reports] == [70, 60, 40]
    [reason] = verdict["reasons"]
    assert (reason["column"], reason["first_rows"]) == ("humid", [135])  # 70 + 60 and the fifth of the last
    page = pipeline.kept(pipeline.ledger_row(drop["drop_id"])["page_key"]).decode()
    assert all(key in page for key in keys)


def test_a_manifest_is_recorded_once_with_the_rows_of_all_its_objects(pipeline):
    drop = pipeline.arrive(manifest_of(pipeline, *put_parts(pipeline, 70, 60)), MANIFEST)
    version = pipeline.record(drop)
    assert version == pipeline.record(drop)
    assert (version["rows"], version["total_rows"]) == (130, 130)


def test_a_part_that_is_overwritten_after_the_plan_is_read_as_it_was(pipeline):
    [key] = put_parts(pipeline, 120)
    drop = pipeline.arrive(manifest_of(pipeline, key), MANIFEST)
    planned = pipeline.call("plan_shards", {"drop": drop})
    pipeline.s3.put_object(Bucket=pipeline.drops, Key=key, Body=b"something else")
    event = {"drop": drop, "plan": {**planned, "shards": []}, "shard": planned["shards"][0]}
    assert pipeline.call("validate_shard", event)["rows"] == 120


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(lambda p: manifest_of(p, PART.format(9)), "which is not there", id="missing part"),
        pytest.param(
            lambda p: manifest_of(p, "elsewhere/flights/_parts/1.csv"),
            "put every object under drops/",
            id="no leave to read",
        ),
        pytest.param(lambda p: manifest_of(p, "drops/flights/1.csv"), "drop of its own", id="a drop"),
        pytest.param(
            lambda p: manifest_of(p, *put_parts(p, 3), meta={"content_length": 5}), "says 5", id="other size"
        ),
        pytest.param(
            lambda p: manifest_of(p, PART.format(9), mandatory=False),
            "none of the objects",
            id="nothing left",
        ),
        pytest.param(lambda p: b"{}", "entries", id="no entries"),
        pytest.param(lambda p: b"nothing", "JSON", id="no JSON"),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_refused_in_words(pipeline, body, told):
    drop = pipeline.arrive(body(pipeline), MANIFEST)
    with pytest.raises(DropUnreadableError, match=told):
        pipeline.call("plan_shards", {"drop": drop})


def test_an_absent_part_that_is_not_mandatory_is_left_out(pipeline):
    entries = [{"url": f"s3://{pipeline.drops}/{key}"} for key in put_parts(pipeline, 120)]
    entries.append({"url": f"s3://{pipeline.drops}/{PART.format(9)}", "mandatory": False})
    drop = pipeline.arrive(json.dumps({"entries": entries}).encode(), MANIFEST)
    assert pipeline.record(drop)["rows"] == 120


def test_bad_rows_are_set_aside_with_their_reasons_and_the_others_recorded(pipeline):
    pipeline.configure(contract={"bad_rows": {"action": "set-aside", "maximum_percent": 5.0}})
    made = rows(200)
    made[10]["humid"], made[20]["carrier"], made[20]["hour"] = 101, "LONG", "noon"
    drop = pipeline.arrive(as_csv(made))
    reports, verdict = pipeline.judge(drop)
    assert (verdict["status"], verdict["rows"], verdict["bad_rows"]) == ("warn", 200, 2)
    version = pipeline.call("record_dataset_version", {"drop": drop, "reports": reports, "verdict": verdict})
    assert (version["rows"], version["total_rows"]) == (198, 198)
    recorded = set(pipeline.catalog().read("flights", columns=["flight_id"])["flight_id"].to_pylist())
    assert {made[10]["flight_id"], made[20]["flight_id"]}.isdisjoint(recorded)
    key = f"quarantine/flights/{drop['drop_id']}/rows/shard-00000.parquet"
    kept = pq.read_table(io.BytesIO(pipeline.kept(key))).to_pylist()
    assert [row["_row"] for row in kept] == [11, 21]
    assert kept[0]["_reasons"] == "humid: range"
    assert "carrier: length" in kept[1]["_reasons"] and "hour was 'noon'" in kept[1]["_reasons"]


def test_too_many_bad_rows_quarantine_the_whole_drop(pipeline):
    pipeline.configure(contract={"bad_rows": {"action": "set-aside", "maximum_percent": 1.0}})
    made = rows(200)
    for row in made[:3]:
        row["humid"] = 101
    _, verdict = pipeline.judge(pipeline.arrive(as_csv(made)))
    assert verdict["status"] == "quarantine"


def test_versions_of_one_key_add_up_by_default(pipeline):
    pipeline.record(pipeline.arrive(as_csv(rows(110))))
    assert pipeline.record(pipeline.arrive(as_csv(rows(120, first=200))))["total_rows"] == 230


def test_a_newer_version_takes_the_place_of_the_older_where_asked_for(pipeline):
    pipeline.configure(overwrites="replace")
    first = pipeline.record(pipeline.arrive(as_csv(rows(110))))
    other = pipeline.record(pipeline.arrive(as_csv(rows(100, first=500)), "drops/flights/2.csv"))
    second = pipeline.record(pipeline.arrive(as_csv(rows(120, first=200))))
    assert (other["total_rows"], second["total_rows"]) == (210, 220)
    catalog = pipeline.catalog()
    ids = set(catalog.read("flights", columns=["flight_id"])["flight_id"].to_pylist())
    assert ids == {row["flight_id"] for row in [*rows(100, first=500), *rows(120, first=200)]}
    assert catalog.read("flights", snapshot_id=first["snapshot_id"]).num_rows == 110


def test_the_same_bytes_again_are_accepted_with_a_warning(pipeline):
    body = as_csv(rows(110))
    pipeline.record(pipeline.arrive(body))
    _, verdict = pipeline.judge(pipeline.arrive(body, "drops/flights/copy.csv"))
    assert verdict["status"] == "warn" and [each["rule"] for each in verdict["reasons"]] == ["twin"]


def test_the_same_bytes_in_the_place_of_the_older_ones_are_nothing_odd(pipeline):
    pipeline.configure(overwrites="replace")
    body = as_csv(rows(110))
    pipeline.record(pipeline.arrive(body))
    _, verdict = pipeline.judge(pipeline.arrive(body))
    assert verdict["status"] == "accept"


def test_an_older_version_that_comes_late_is_ignored_where_versions_replace(pipeline):
    pipeline.configure(overwrites="replace")
    older, newer = (pipeline.arrive(as_csv(rows(100 + n, first=200 * n))) for n in (10, 20))
    pipeline.record(newer)
    late = pipeline.record(older)
    assert late["superseded_by"] == newer["drop_id"]
    row = pipeline.ledger_row(older["drop_id"])
    assert row["state"] == "ignored" and newer["drop_id"][:12] in row["reason"]
    assert pipeline.catalog().read("flights").num_rows == 120


def test_a_persons_word_passes_a_drop_and_starts_a_new_history_for_what_was_odd(pipeline):
    for number in range(8):
        made = rows(600, first=600 * number)
        pipeline.record(pipeline.arrive(as_csv(made), f"drops/flights/{number}.csv"))
    odd = [dict(row, dewp=80 + n % 5) for n, row in enumerate(rows(600, first=9000))]
    drop = pipeline.arrive(as_csv(odd), "drops/flights/odd.csv")
    _, verdict = pipeline.judge(drop)
    assert verdict["status"] == "quarantine"
    assert {reason["column"] for reason in verdict["reasons"] if reason["rule"] == "anomaly"} == {"dewp"}

    accepted = {**drop, "acceptance": ACCEPTANCE}
    reports, verdict = pipeline.judge(accepted)
    assert verdict["status"] == "warn"
    assert any("a new airport" in reason["message"] for reason in verdict["reasons"])
    pipeline.call("record_dataset_version", {"drop": accepted, "reports": reports, "verdict": verdict})
    assert pipeline.ledger_row(drop["drop_id"])["state"] == "recorded"

    like = [dict(row, dewp=80 + n % 5) for n, row in enumerate(rows(600, first=9600))]
    _, verdict = pipeline.judge(pipeline.arrive(as_csv(like), "drops/flights/like.csv"))
    assert verdict["status"] in ("accept", "warn")
    assert not [reason for reason in verdict["reasons"] if reason["rule"] == "anomaly"]


def test_every_judged_drop_leaves_its_page_and_model_monitors_files(pipeline):
    drop = pipeline.arrive(as_csv(rows(150)))
    pipeline.judge(drop)
    folder = f"reports/flights/{drop['drop_id']}/"
    found = pipeline.s3.list_objects_v2(Bucket=pipeline.lake, Prefix=folder)["Contents"]
    assert {item["Key"].removeprefix(folder) for item in found} == {
        *("verdict.json", "report.html", "statistics.json", "constraints.json"),
        "constraint_violations.json",
    }
    statistics = json.loads(pipeline.kept(folder + "statistics.json"))
    assert statistics["dataset"]["item_count"] == 150
    assert pipeline.kept(folder + "report.html").startswith(b"<!doctype html>")
