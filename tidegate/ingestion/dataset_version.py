"""The name of a dataset version: a digest of what it is made of, equal wherever the same is made.

Pure standard library.
"""

import hashlib
from collections.abc import Iterable

from tidegate.messages.ingestion import Drop


def content_address(parent_version: str, drop: Drop, contract_hash: str, replaces: Iterable[str] = ()) -> str:
    """sha256, hex, of the version before (empty for the first), the drop's content and the contract.

    `replaces` are the versions that the drops made whose rows go: what goes counts as what comes does.

    The content is told by S3's ETag, the MD5 of an object uploaded in one part and a digest of the parts'
    otherwise: names, times and version ids, which differ from place to place, do not count.
    """
    text = f"{parent_version}\n{drop.etag or drop.drop_id}\n{drop.size_bytes}\n{contract_hash}"
    text += "".join(f"\nreplaces {version}" for version in sorted(replaces))
    return hashlib.sha256(text.encode()).hexdigest()
