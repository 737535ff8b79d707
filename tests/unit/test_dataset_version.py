"""The name of a dataset version: what counts, and what must not. Digests are computed anew, with hashlib."""

import hashlib

from tidegate.ingestion.dataset_version import content_address
from tidegate.messages.ingestion import Drop


def drop(etag="e", *, drop_id="d", bucket="b", key="k", version_id="v", size_bytes=7):
    return Drop(
        drop_id=drop_id,
        dataset="t",
        bucket=bucket,
        key=key,
        version_id=version_id,
        etag=etag,
        size_bytes=size_bytes,
    )


def test_the_address_is_the_digest_of_parent_content_and_contract():
    assert content_address("p", drop(), "c") == hashlib.sha256(b"p\ne\n7\nc").hexdigest()


def test_where_and_under_which_name_the_same_content_arrived_does_not_count():
    elsewhere = drop(drop_id="x", bucket="y", key="z", version_id="w")
    assert content_address("p", elsewhere, "c") == content_address("p", drop(), "c")


def test_without_an_etag_the_drop_itself_tells_the_content():
    addresses = {content_address("p", drop("", drop_id=each), "c") for each in ("d1", "d2")}
    assert len(addresses) == 2


def test_rows_that_go_count_in_whatever_order_they_are_named():
    plain = content_address("p", drop(), "c")
    one, two = content_address("p", drop(), "c", ["v1"]), content_address("p", drop(), "c", ["v1", "v2"])
    assert len({plain, one, two}) == 3
    assert content_address("p", drop(), "c", ["v2", "v1"]) == two
