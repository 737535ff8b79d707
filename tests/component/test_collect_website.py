"""Collect from a web server: conditional, whole or not at all, and no secret where it does not belong."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import gzip
import hashlib
import io
import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from collect_account import account  # noqa: F401
from collect_page import CSV, page  # noqa: F401

from tidegate.ingestion.collection import SourceRefusedError, SourceUnavailableError


@pytest.fixture
def collect(account, page):
    """Run the function over the page; keywords change the section."""

    def run(**section):
        return account.collect(**{"kind": "https", "url": page.url, **section})

    return run


@pytest.fixture
def refused(account, collect):
    """The message of a run that fails with nothing made and nothing remembered."""

    def run(kind, **section):
        with pytest.raises(kind) as raised:
            collect(**section)
        assert account.drop_keys() == [] and account.watermark is None and account.unfinished() == []
        assert account.item("lock#collect#orders") is None
        assert raised.value.cause and raised.value.hint
        return str(raised.value)

    return run


def digest(body):
    return hashlib.sha256(body).hexdigest()[:16]


def test_a_page_becomes_a_drop_and_an_unchanged_one_none(account, collect, page):
    first = collect()
    assert first["drops"] == [f"drops/orders/collected-orders-000001-{digest(CSV)}.csv"]
    assert account.body(first["drops"][0]) == CSV and first["warnings"] == []
    second = collect()
    assert (second["drops"], second["reason"]) == ([], "not modified")
    assert page.requests[1][1]["If-None-Match"] == '"v1"'
    page.body, page.etag = CSV + b"2,1,2024-03-02T00:00:00Z\n", '"v2"'
    third = collect()
    assert third["drops"] == [f"drops/orders/collected-orders-000002-{digest(page.body)}.csv"]


def test_without_an_etag_the_date_is_asked_for(collect, page):
    page.etag, page.last_modified = "", "Fri, 01 Mar 2024 00:00:00 GMT"
    assert len(collect()["drops"]) == 1
    assert collect()["reason"] == "not modified"
    assert page.requests[1][1]["If-Modified-Since"] == "Fri, 01 Mar 2024 00:00:00 GMT"


def test_a_server_without_either_is_told_by_the_content(collect, page):
    page.etag = ""
    assert len(collect()["drops"]) == 1
    assert collect()["reason"] == "the content is the same"


def test_a_page_that_returns_to_what_it_once_said_is_a_new_drop(account, collect, page):
    for body, etag in ((CSV, '"v1"'), (CSV * 2, '"v2"'), (CSV, '"v1"')):
        page.body, page.etag = body, etag
        assert len(collect()["drops"]) == 1
    assert len(account.drop_keys()) == 3


def test_a_run_that_died_before_the_watermark_makes_no_second_version(account, collect):
    [key] = collect()["drops"]
    account.dynamodb.delete_item(TableName=account.table, Key={"id": {"S": "collect#orders"}})
    assert collect()["drops"] == [key]
    assert account.versions() == 1


def test_a_large_page_goes_up_in_parts(account, collect, page):
    page.body = b"id\n" + b"12345678\n" * 2_000_000  # 18 MB: three parts of 8 MiB
    [key] = collect()["drops"]
    assert account.body(key) == page.body and account.unfinished() == []
    account.dynamodb.delete_item(TableName=account.table, Key={"id": {"S": "collect#orders"}})
    assert collect()["drops"] == [key]
    assert account.versions() == 1 and account.unfinished() == []


def parquet():
    body = io.BytesIO()
    pq.write_table(pa.table({"id": [1]}), body)
    return body.getvalue()


@pytest.mark.parametrize(
    ("served", "ending"),
    [
        (("text/csv", "/a", CSV), ".csv"),
        (("application/x-ndjson", "/a", b'{"id": 1}\n'), ".jsonl"),
        (("application/vnd.apache.parquet", "/a", parquet()), ".parquet"),
        (("application/octet-stream", "/a.parquet", parquet()), ".parquet"),
        (("text/plain", "/a.csv", CSV), ".csv"),
        (("application/gzip", "/a.csv.gz", gzip.compress(CSV)), ".csv.gz"),
        (("text/csv", "/a", gzip.compress(CSV)), ".csv.gz"),  # packed without a word
        (("text/csv", "/a", pa.compress(CSV, codec="zstd", asbytes=True)), ".csv.zst"),
    ],
    ids=["csv", "jsonl", "parquet", "by-name", "plain", "gzip", "silent-gzip", "silent-zstd"],
)
def test_the_drop_ends_in_what_the_page_is(collect, page, served, ending):
    page.content_type, path, page.body = served
    [key] = collect(url=f"http://{page.host}{path}")["drops"]
    assert key == f"drops/orders/collected-orders-000001-{digest(page.body)}{ending}"


@pytest.mark.parametrize(
    ("content_type", "path", "body"),
    [
        ("text/html", "/a.csv", b"<h1>Log in</h1>"),
        ("application/octet-stream", "/a", CSV),
        ("text/plain", "/a.txt", CSV),
        ("application/parquet", "/a", gzip.compress(CSV)),
    ],
    ids=["html", "bytes", "text", "packed-parquet"],
)
def test_a_page_of_no_format_that_is_read_is_refused(refused, page, content_type, path, body):
    page.content_type, page.body = content_type, body
    message = refused(SourceRefusedError, url=f"http://{page.host}{path}")
    assert "is of no format that is read" in message and content_type in message


def test_only_content_types_of_the_list_are_taken(refused, collect):
    message = refused(SourceRefusedError, content_types=["application/x-ndjson"])
    assert "its content type is text/csv" in message
    assert len(collect(content_types=["Text/CSV"])["drops"]) == 1


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (500, SourceUnavailableError, "it answers 500"),
        (503, SourceUnavailableError, "it answers 503"),
        (429, SourceUnavailableError, "it answers 429"),
        (401, SourceRefusedError, "mend the header in the `secret`"),
        (403, SourceRefusedError, "mend the header in the `secret`"),
        (404, SourceRefusedError, "mend the `url`"),
        (204, SourceRefusedError, "it answers 204"),
    ],
)
def test_an_answer_that_is_no_page_is_told(refused, page, status, kind, sentence):
    page.status = status
    assert sentence in refused(kind)


def test_a_server_that_is_not_there_is_told(refused, page):
    page.close()
    assert "Connection refused" in refused(SourceUnavailableError)


def test_a_server_that_dawdles_is_given_up_in_time(refused, page):
    page.seconds_between = 0.1  # 5 s for the whole page, each byte well within the client's own limit
    assert "it was not read after 1 s" in refused(SourceUnavailableError, timeout_seconds=1)


def test_a_page_that_ends_early_is_no_drop(refused, page):
    page.etag, page.cut_after = "", [20]
    assert "IncompleteRead" in refused(SourceUnavailableError)
    assert len(page.requests) == 1  # without a tag nobody knows whether the rest is of the same page


def test_a_server_that_promises_more_than_it_has_is_no_drop(refused, page):
    page.etag, page.length = "", len(CSV) + 100
    assert "IncompleteRead" in refused(SourceUnavailableError)


def test_a_page_that_breaks_off_is_taken_up_where_it_broke(account, collect, page):
    page.cut_after = [20, 5, 7]
    [key] = collect()["drops"]
    assert account.body(key) == CSV
    ranges = [headers.get("Range") for _, headers in page.requests]
    assert ranges == [None, "bytes=20-", "bytes=25-", "bytes=32-"]


def test_a_page_that_breaks_off_for_ever_is_given_up(refused, page):
    page.cut_after = [20, 5, 5, 5, 5]
    assert "IncompleteRead" in refused(SourceUnavailableError)
    assert len(page.requests) == 4


def test_a_page_that_changed_between_its_pieces_is_no_drop(refused, page, monkeypatch):
    from tidegate.aws.sources.website import Website

    resume = Website._resume

    def changed(self, *where):
        page.body, page.etag = CSV * 3, '"v2"'
        return resume(self, *where)

    monkeypatch.setattr(Website, "_resume", changed)
    page.cut_after = [20]
    assert "it changed while it was read" in refused(SourceUnavailableError)


def test_a_server_that_cannot_begin_in_the_middle_is_no_drop(refused, page):
    page.cut_after, page.ranges = [20], False
    assert "it changed while it was read" in refused(SourceUnavailableError)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (gzip.compress(CSV * 1000)[:-20], "its gzip is not whole"),
        (pa.compress(CSV * 1000, codec="zstd", asbytes=True)[:-20], "its zstd is not whole"),
        (parquet()[:-20], "its Parquet file has no end"),
        (b"PAR1", "its Parquet file has no end"),
    ],
    ids=["gzip", "zstd", "parquet", "parquet-head"],
)
def test_a_file_that_the_server_itself_has_only_half_of_is_no_drop(refused, page, body, sentence):
    page.body, page.content_type = body, "application/octet-stream"
    name = "a.parquet" if body.startswith(b"PAR1") else "a.csv"
    assert sentence in refused(SourceUnavailableError, url=f"http://{page.host}/{name}")


def test_a_page_that_does_not_say_where_it_ends_is_taken_with_a_warning(collect, page):
    page.length = 0
    answer = collect()
    assert len(answer["drops"]) == 1
    assert answer["warnings"] == ["the server did not say where the page ends"]


def test_a_page_above_the_limit_is_refused_whatever_its_headers_say(refused, page):
    page.body, page.length = b"x" * (1 << 20) + b"y", 0
    assert "it has more than 1 MiB" in refused(SourceRefusedError, maximum_mebibytes=1)
    page.body = b"x" * (1 << 20)


def test_a_page_of_exactly_the_limit_is_taken(collect, page):
    page.body = b"x" * (1 << 20)
    assert len(collect(maximum_mebibytes=1)["drops"]) == 1


def test_redirects_are_followed_and_relative_ones_too(account, collect, page):
    page.location = {"/files/orders": "/b", "/b": f"http://{page.host}/c.csv"}
    page.content_type = "text/plain"
    [key] = collect()["drops"]
    assert key.endswith(".csv") and account.body(key) == CSV


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("/files/orders", "it redirects more than 5 times"),
        ("ftp://example.com/a", "it redirects to ftp://example.com/a"),
        ("file:///etc/passwd", "only https is followed"),
    ],
)
def test_a_redirect_that_is_not_followed_is_told(refused, page, location, sentence):
    page.location = {"/files/orders": location}
    assert sentence in refused(SourceRefusedError)


def test_a_page_by_https_never_leads_to_http(account, collect, page, tmp_path, monkeypatch):
    # a wrong scheme, not a wrong host: the same server would answer
    monkeypatch.setenv("SSL_CERT_FILE", str(page.encrypt(tmp_path)))
    page.location = {"/files/orders": f"http://{page.host}/a.csv"}
    with pytest.raises(SourceRefusedError, match="only https is followed"):
        collect()
    page.location = {"/files/orders": "/a.csv"}
    secret = account.secret({"Authorization": "Bearer s3cret"})
    assert len(collect(secret=secret)["drops"]) == 1
    assert page.requests[-1][1]["Authorization"] == "Bearer s3cret"


def test_a_page_whose_certificate_nobody_knows_is_not_read(refused, page, tmp_path):
    page.encrypt(tmp_path)
    assert "CERTIFICATE_VERIFY_FAILED" in refused(SourceUnavailableError)
    assert page.requests == []


def test_a_secret_goes_to_its_own_host_only_and_into_no_log(account, collect, page, caplog, capsys):
    secret = account.secret({"Authorization": "Bearer s3cret"})
    # another name of the same server is another host
    page.location = {"/files/orders": f"http://localhost:{page.server.server_port}/elsewhere"}
    with caplog.at_level(logging.DEBUG):
        collect(secret=secret, url=f"{page.url}?key=t0ken")
    [(_, first), (_, second)] = page.requests
    assert first["Authorization"] == "Bearer s3cret" and "Authorization" not in second
    said = capsys.readouterr().out + "".join(
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("botocore", "urllib3"))
    )
    assert "collected" in said and "s3cret" not in said and "t0ken" not in said


def test_a_page_taken_up_at_another_host_gets_no_secret_there_either(account, collect, page):
    secret = account.secret({"Authorization": "Bearer s3cret"})
    page.location = {"/files/orders": f"http://localhost:{page.server.server_port}/elsewhere"}
    page.cut_after = [20]
    [key] = collect(secret=secret)["drops"]
    assert account.body(key) == CSV
    told = [(path, headers.get("Range"), headers.get("Authorization")) for path, headers in page.requests]
    assert told == [
        ("/files/orders", None, "Bearer s3cret"),
        ("/elsewhere", None, None),
        ("/elsewhere", "bytes=20-", None),
    ]


def test_a_failure_names_the_page_without_its_query(refused, page):
    page.status = 500
    message = refused(SourceUnavailableError, url=f"{page.url}?key=t0ken")
    assert "http://127.0.0.1/files/orders" in message and "t0ken" not in message
    page.close()
    assert "t0ken" not in refused(SourceUnavailableError, url=f"{page.url}?key=t0ken")


@pytest.mark.parametrize("secret", ["Bearer s3cret", json.dumps(["s3cret"])])
def test_a_secret_of_another_form_is_told_without_it(account, refused, secret):
    message = refused(SourceRefusedError, secret=account.secret(secret))
    assert "it is no JSON object of headers" in message and "s3cret" not in message
