"""The name of a dataset version: a digest of what it is made of, equal wherever the same is made.

Pure standard library.
"""

import hashlib

from tidegate.messages import Drop


def content_address(parent_version: str, drop: Drop, contract_hash: str) -> str:
    """sha256, hex, of the version before (empty for the first), the drop's content and the contract.

    The content is told by S3's ETag, the MD5 of an object uploaded in one part and a digest of the parts'
    otherwise: names, times and version ids, which differ from place to place, do not count.
    """
    text = f"{parent_version}\n{drop.etag or drop.drop_id}\n{drop.size_bytes}\n{contract_hash}"
    return hashlib.sha256(text.encode()).hexdigest()
