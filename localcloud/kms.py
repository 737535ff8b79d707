"""KMS's Sign and Verify as AWS has them: digests are signed as digests, a wrong signature is an error.

moto hashes a digest once more, and answers `SignatureValid: false` where AWS raises.
Limit: digests are signed by elliptic curve keys only.
"""

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.core.exceptions import JsonRESTError
from moto.kms.exceptions import ValidationException
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey

from localcloud import _moto_seams

DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "ECDSA_SHA_256": hashes.SHA256(),
    "ECDSA_SHA_384": hashes.SHA384(),
    "ECDSA_SHA_512": hashes.SHA512(),
}

_stock_sign = KmsResponse.sign
_stock_verify = KmsResponse.verify


def install() -> None:
    _moto_seams.replace("moto.kms.responses", "KmsResponse.sign", sign)
    _moto_seams.replace("moto.kms.responses", "KmsResponse.verify", verify)


def sign(self: KmsResponse) -> str:
    answer: dict[str, Any] = json.loads(_stock_sign(self))  # refuses what AWS refuses, too
    if self._get_param("MessageType") == "DIGEST":
        key, scheme = _for_digest(self)
        signature = key.sign(self._get_param("Message"), scheme)
        answer["Signature"] = base64.b64encode(signature).decode()
    return json.dumps(answer)


def verify(self: KmsResponse) -> str:
    """Raises KMSInvalidSignatureException, and never answers that a signature is not valid."""
    answer: dict[str, Any] = json.loads(_stock_verify(self))
    if self._get_param("MessageType") == "DIGEST":
        key, scheme = _for_digest(self)
        signature = base64.b64decode(self._get_param("Signature"))
        try:
            key.public_key().verify(signature, self._get_param("Message"), scheme)
        except InvalidSignature:
            answer["SignatureValid"] = False
        else:
            answer["SignatureValid"] = True
    if not answer["SignatureValid"]:
        raise JsonRESTError("KMSInvalidSignatureException", "")
    return json.dumps(answer)


def _for_digest(self: KmsResponse) -> tuple[ec.EllipticCurvePrivateKey, ec.ECDSA]:
    algorithm = self._get_param("SigningAlgorithm")
    key = self.kms_backend.describe_key(self._get_param("KeyId")).private_key
    if not isinstance(key, ECDSAPrivateKey):
        raise ValidationException("The local cloud signs digests with elliptic curve keys only.")
    digest = DIGESTS[algorithm]
    if len(self._get_param("Message")) != digest.digest_size:
        raise ValidationException(f"Digest is invalid length for algorithm {algorithm}.")
    return key.private_key, ec.ECDSA(utils.Prehashed(digest))
