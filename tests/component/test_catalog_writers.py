"""Many writers of one table at once, and writers that die: processes of their own against a checked Glue."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path

import boto3
import pyarrow as pa
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session
from lake import deliver, put_shards, values

from localcloud import server
from tidegate.aws.catalog import Catalog

WRITERS, COMMITS = 4, 8
HERE = Path(__file__).parent
PRELUDE = """
import json, os, sys, time
import boto3, pyarrow as pa
from lake import deliver
from tidegate.aws import iceberg
from tidegate.aws.catalog import Catalog
from tidegate.errors import DatasetConflictError

lake, database, *arguments = sys.argv[1:]
catalog = Catalog(boto3.client("s3"), lake_bucket=lake, database=database)

def say(**facts):
    print(json.dumps(facts), flush=True)

def until_recorded(drop_id, rows):  # the state machine starts a function again after a conflict
    while True:
        try:
            return deliver(catalog, drop_id, rows)
        except DatasetConflictError:
            say(conflict=drop_id)
"""
WRITE = """
writer, commits = map(int, arguments)
sys.stdin.readline()  # all begin together
for number in range(commits):
    drop = f"w{writer}c{number}"
    columns = {"id": pa.array([100 * writer + number], pa.int32())}
    if writer == 1 and number == 3:
        columns["note"] = pa.array([drop])
    if writer == 2 and number >= 4:
        columns["id"] = columns["id"].cast(pa.int64())
    state = until_recorded(drop, pa.table(columns))
    again = until_recorded(drop, pa.table(columns)) if number % 4 == 0 else state
    say(drop=drop, snapshot=state.snapshot_id, again=again.snapshot_id)
"""
# stops for good where `arguments` says
STOP = """
where, update = arguments[0], iceberg.Glue._update_glue_table

def stop():
    say(reached=where)
    time.sleep(600)

def stopping_update(self, **options):
    if where == "before the pointer is swapped":
        stop()
    update(self, **options)
    stop()

iceberg.Glue._update_glue_table = stopping_update
if where == "before anything is committed":
    iceberg.Changes.commit_transaction = lambda self: stop()
deliver(catalog, "d2", pa.table({"id": [2], "name": ["b"]}))
"""


@pytest.fixture(scope="module")
def cloud():
    with server.start(names=("glue",)) as running:
        yield running.url


@pytest.fixture
def catalog(cloud, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    lake, database = f"lake-{uuid.uuid4().hex[:12]}", f"db_{uuid.uuid4().hex[:12]}"
    s3, glue = boto3.client("s3"), boto3.client("glue")
    s3.create_bucket(Bucket=lake)
    glue.create_database(DatabaseInput={"Name": database})
    return Catalog(s3, lake_bucket=lake, database=database, glue=glue)


@pytest.fixture
def start(catalog):
    """Start a process that writes; none outlives the test."""
    started = []

    def start_writer(script, *arguments):
        root = HERE.parents[1]
        argv = [sys.executable, "-c", PRELUDE + script, catalog.lake_bucket, catalog.database]
        writer = subprocess.Popen(
            [*argv, *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{HERE}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(writer)
        return writer

    yield start_writer
    for writer in started:
        writer.kill()
        writer.communicate()


def test_four_processes_of_eight_commits_each_lose_nothing_and_add_nothing_twice(catalog, start):
    """From the first drop of a table on: they also race for making it and for changing its columns."""
    writers = [start(WRITE, number, COMMITS) for number in range(WRITERS)]
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    said = []
    for writer in writers:
        out, _ = writer.communicate(timeout=300)
        assert writer.returncode == 0
        said += [json.loads(line) for line in out.splitlines()]
    acknowledged = {fact["drop"]: fact["snapshot"] for fact in said if "drop" in fact}
    assert len(acknowledged) == WRITERS * COMMITS
    assert all(fact["again"] == fact["snapshot"] for fact in said if "drop" in fact)

    recorded = {state.drop_id: state.snapshot_id for state in catalog.log("t")}
    assert recorded == acknowledged
    assert Counter(values(catalog)) == Counter(
        100 * writer + number for writer in range(WRITERS) for number in range(COMMITS)
    )
    assert values(catalog, "note")[:2] == ["w1c3", None]
    assert catalog.read("t").schema.field("id").type == pa.int64()


@pytest.mark.parametrize(
    "where",
    ["before anything is committed", "before the pointer is swapped", "after the pointer was swapped"],
)
def test_a_writer_that_is_killed_leaves_the_table_sound_and_is_done_again(catalog, start, where):
    first = deliver(catalog, "d1", pa.table({"id": [1]}))
    writer = start(STOP, where)
    assert json.loads(writer.stdout.readline()) == {"reached": where}
    writer.send_signal(signal.SIGKILL)
    writer.wait()

    committed = where == "after the pointer was swapped"
    left = catalog.head("t")
    assert (left.drop_id, values(catalog)) == (("d2", [1, 2]) if committed else ("d1", [1]))
    again = deliver(catalog, "d2", pa.table({"id": [2], "name": ["b"]}))
    assert (again == left) is committed
    assert again.parent_id == first.snapshot_id
    assert (values(catalog), values(catalog, "name")) == ([1, 2], ["b", None])


def test_a_commit_that_was_sent_twice_because_its_answer_was_lost_keeps_its_files(catalog):
    """The second UpdateTable is refused, since the first went through: that refusal must not clean up."""
    deliver(catalog, "d1", pa.table({"id": [1]}))
    sent = []

    def lose_the_first_answer(request, **_):
        sent.append(URLLib3Session().send(request) if not sent else request)
        if len(sent) == 1:
            raise ReadTimeoutError(endpoint_url=request.url)

    catalog._glue.glue.meta.events.register("before-send.glue.UpdateTable", lose_the_first_answer)
    state = deliver(catalog, "d2", pa.table({"id": [2]}))
    assert len(sent) == 2 and sent[0].status_code == 200
    assert (catalog.head("t"), values(catalog)) == (state, [1, 2])
    assert [each.drop_id for each in catalog.log("t")] == ["d2", "d1"]


def test_data_that_was_written_but_never_committed_is_not_in_the_table(catalog):
    deliver(catalog, "d1", pa.table({"id": [1]}))
    put_shards(catalog, "d2", pa.table({"id": [2]}))
    assert values(catalog) == [1]
