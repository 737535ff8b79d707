"""A table's metadata is read once by a process: the files of a state, and those a later one adds."""

from types import SimpleNamespace

import pyarrow as pa
import pytest

from tidegate.aws import metadata_files
from tidegate.aws.catalog import Catalog


@pytest.fixture
def lake(aws, monkeypatch):
    """A catalog, and the names of the files of metadata that were asked of S3 for their content."""
    opened = []
    stock = metadata_files.PyArrowFileIO.new_input

    class Watched:
        def __init__(self, found):
            self._found = found

        def __getattr__(self, name):
            return getattr(self._found, name)

        def open(self, seekable=True):
            opened.append(self._found.location.rsplit("/", 1)[-1])
            return self._found.open(seekable)

    def watched(self, location):
        found = stock(self, location)
        return Watched(found) if location.endswith(metadata_files.KINDS) else found

    monkeypatch.setattr(metadata_files.PyArrowFileIO, "new_input", watched)
    s3 = aws.client("s3")
    bucket, database = aws.name("lake"), aws.name("db").replace("-", "_")
    s3.create_bucket(Bucket=bucket)
    aws.client("glue").create_database(DatabaseInput={"Name": database})
    catalog = Catalog(s3, lake_bucket=bucket, database=database, glue=aws.client("glue"))
    return SimpleNamespace(catalog=catalog, opened=opened)


def test_a_state_that_was_read_is_not_read_again(lake):
    for number in range(3):
        lake.catalog.append("days", pa.table({"day": [number]}), key=f"drop-{number}")
    assert sorted(lake.catalog.read("days")["day"].to_pylist()) == [0, 1, 2]
    before = len(lake.opened)
    assert sorted(lake.catalog.read("days")["day"].to_pylist()) == [0, 1, 2]
    assert lake.opened[before:] == []


def test_of_a_new_state_only_what_is_new_is_read(lake):
    for number in range(5):
        lake.catalog.append("days", pa.table({"day": [number]}), key=f"drop-{number}")
    lake.catalog.read("days")
    assert len(lake.opened) == len(set(lake.opened))  # through all commits, none twice
    before = len(lake.opened)
    lake.catalog.append("days", pa.table({"day": [5]}), key="drop-5")
    assert lake.catalog.read("days").num_rows == 6
    assert 0 < len(lake.opened) - before <= 3  # metadata, the list of manifests, a manifest


def test_tables_of_one_lake_share_a_client_of_s3_and_those_of_others_do_not(aws):
    here = {"s3.endpoint": "http://127.0.0.1:9", "s3.region": "us-east-1"}

    def client(**changes):
        return metadata_files.MetadataFiles(here | changes).fs_by_scheme("s3", "lake")

    assert client() is client(**{"write.parquet.compression-codec": "zstd"})
    assert client(**{"s3.endpoint": "http://127.0.0.1:10"}) is not client()
    assert client(**{"s3.access-key-id": "one", "s3.secret-access-key": "two"}) is not client()
    assert metadata_files.MetadataFiles(here).fs_by_scheme("s3", "other") is not client()


def test_no_more_is_kept_than_the_bound_and_the_least_lately_used_goes_first():
    files = metadata_files._Files(most_bytes=10)
    files.put("a", b"1234")
    files.put("b", b"5678")
    assert files.get("a") == b"1234"
    files.put("c", b"90ab")  # 12 bytes: `b` was used least lately
    assert (files.get("a"), files.get("b"), files.get("c")) == (b"1234", None, b"90ab")
    files.put("d", b"more than ten bytes")
    assert [files.get(name) for name in "abcd"] == [None] * 4
    files.put("e", b"0123456789")  # what went was taken off the count
    assert files.get("e") == b"0123456789"
