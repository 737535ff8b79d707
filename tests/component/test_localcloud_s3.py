"""Ranges of an object, as S3 answers them: its API reference, GetObject, and RFC 9110, section 14."""

import random
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud import cloud, server

CONTENT = random.Random(8).randbytes(50_000)  # noqa: S311  # content, not a secret


@pytest.fixture(scope="module")
def s3():
    with server.start(names=("s3",)) as running:
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=running.url)
        client.create_bucket(Bucket="ranges")
        client.put_bucket_versioning(Bucket="ranges", VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture(scope="module")
def version(s3):
    first = s3.put_object(Bucket="ranges", Key="k", Body=CONTENT, ContentType="text/csv")["VersionId"]
    s3.put_object(Bucket="ranges", Key="k", Body=b"newer")
    return {"Bucket": "ranges", "Key": "k", "VersionId": first}


@pytest.mark.parametrize(
    ("asked", "part", "told"),
    [
        ("bytes=0-9", slice(0, 10), "bytes 0-9/50000"),
        ("bytes=49990-", slice(49990, None), "bytes 49990-49999/50000"),
        ("bytes=40000-99999", slice(40000, None), "bytes 40000-49999/50000"),
        ("bytes=0-0", slice(0, 1), "bytes 0-0/50000"),
        ("bytes=-10", slice(-10, None), "bytes 49990-49999/50000"),
    ],
)
def test_a_range_is_that_part_of_its_version(s3, version, asked, part, told):
    answer = s3.get_object(**version, Range=asked)
    assert answer["Body"].read() == CONTENT[part]
    assert (answer["ContentRange"], answer["ContentType"]) == (told, "text/csv")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("asked", ["bytes=9-2", "bytes=0-1,5-9"])
def test_what_is_no_single_range_gives_the_whole_object(s3, version, asked):
    answer = s3.get_object(**version, Range=asked)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()) == (200, CONTENT)


def test_a_range_behind_the_end_is_refused(s3, version):
    with pytest.raises(ClientError) as refused:
        s3.get_object(**version, Range="bytes=50000-")
    assert refused.value.response["Error"]["Code"] == "InvalidRange"


def test_a_range_of_another_content_than_expected_is_refused(s3, version):
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket="ranges", Key="k", Range="bytes=0-1", IfMatch='"other"')
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
    assert s3.get_object(Bucket="ranges", Key="k", Range="bytes=0-1")["Body"].read() == b"ne"


def test_an_object_is_dated_by_the_clouds_clock(s3):
    yesterday = cloud.current().clock.now().replace(microsecond=0)
    cloud.current().clock.advance(86_400)
    began = cloud.current().clock.now().replace(microsecond=0)
    s3.put_object(Bucket="ranges", Key="dated", Body=b"")
    dated = s3.head_object(Bucket="ranges", Key="dated")["LastModified"]
    assert began <= dated <= cloud.current().clock.now()
    assert dated - yesterday >= timedelta(days=1)
