"""Artefacts as tar.gz that no training job made: whole ones, and what a forger would make of them."""

import base64
import hashlib
import io
import json
import tarfile

FILES = {"model.skops": b"weights", "features.py": b"code", "signature.json": b"{}"}


def manifest_of(files, **facts):
    return json.dumps(
        {**facts, "sha256": {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}}
    ).encode()


def sign(kms, key, manifest, *, named=None):
    """manifest.sig.json; `named` is the key that it claims to be of."""
    signature = kms.sign(
        KeyId=key,
        Message=hashlib.sha256(manifest).digest(),
        MessageType="DIGEST",
        SigningAlgorithm="ECDSA_SHA_256",
    )["Signature"]
    return json.dumps(
        {
            "key": named or key,
            "algorithm": "ECDSA_SHA_256",
            "signature": base64.b64encode(signature).decode(),
        }
    ).encode()


def pack(files):
    """A tar.gz of (name, bytes) pairs, or of a mapping; bytes that are a TarInfo are that member."""
    pairs = files.items() if isinstance(files, dict) else files
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, body in pairs:
            if isinstance(body, tarfile.TarInfo):
                archive.addfile(body)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()
