"""Glue creates a table once and swaps it only unchanged: no acknowledged commit of a race is lost."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from moto.glue import models

from localcloud import server

WRITERS, COMMITS = 4, 8


@pytest.fixture(scope="module")
def glue():
    with server.start(names=("glue",)) as running:
        yield boto3.client(
            "glue",
            region_name="us-east-1",
            endpoint_url=running.url,
            config=Config(retries={"max_attempts": 0}, max_pool_connections=WRITERS),
        )


@pytest.fixture
def table(glue):
    database = f"db-{uuid.uuid4().hex[:8]}"
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(DatabaseName=database, TableInput={"Name": "t", "Parameters": {"commits": ""}})
    return {"DatabaseName": database, "Name": "t"}


def commit(glue, table, text):
    """Read, append, swap: what Iceberg does with its metadata pointer; again when another was faster."""
    while True:
        current = glue.get_table(**table)["Table"]
        parameters = {"commits": f"{current['Parameters']['commits']} {text}".strip()}
        try:
            return glue.update_table(
                DatabaseName=table["DatabaseName"],
                TableInput={"Name": table["Name"], "Parameters": parameters},
                VersionId=current["VersionId"],
            )
        except glue.exceptions.ConcurrentModificationException:
            continue


def test_four_writers_of_eight_commits_each_lose_nothing(glue, table):
    def write(writer):
        for number in range(COMMITS):
            commit(glue, table, f"{writer}.{number}")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    kept = glue.get_table(**table)["Table"]["Parameters"]["commits"].split()
    assert sorted(kept) == sorted(
        f"{writer}.{number}" for writer in range(WRITERS) for number in range(COMMITS)
    )


def test_of_many_that_create_the_same_table_at_once_one_does(glue, table, monkeypatch):
    plain, inside = models.FakeTable.__init__, []

    def slow(self, *arguments, **options):  # between moto's look whether it exists and its putting it there
        inside.append(self)
        time.sleep(0.05)
        plain(self, *arguments, **options)

    monkeypatch.setattr(models.FakeTable, "__init__", slow)

    def create(number):
        try:
            glue.create_table(
                DatabaseName=table["DatabaseName"],
                TableInput={"Name": "new", "Parameters": {"by": str(number)}},
            )
        except glue.exceptions.AlreadyExistsException:
            return None
        return str(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        [winner] = [name for name in pool.map(create, range(WRITERS)) if name is not None]
    kept = glue.get_table(DatabaseName=table["DatabaseName"], Name="new")["Table"]
    assert (kept["Parameters"]["by"], len(inside)) == (winner, 1)


def test_an_update_from_an_old_version_is_refused_and_changes_nothing(glue, table):
    old = glue.get_table(**table)["Table"]["VersionId"]
    commit(glue, table, "first")
    with pytest.raises(glue.exceptions.ConcurrentModificationException, match="is at version 2"):
        glue.update_table(
            DatabaseName=table["DatabaseName"],
            TableInput={"Name": "t", "Parameters": {"commits": "late"}},
            VersionId=old,
        )
    assert glue.get_table(**table)["Table"]["Parameters"]["commits"] == "first"


def test_an_update_that_names_no_version_is_not_checked(glue, table):
    glue.update_table(
        DatabaseName=table["DatabaseName"], TableInput={"Name": "t", "Parameters": {"commits": "x"}}
    )
    assert glue.get_table(**table)["Table"]["Parameters"]["commits"] == "x"
