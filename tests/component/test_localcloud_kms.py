"""KMS's Sign and Verify of the local cloud; `cryptography` is the other opinion."""

import hashlib
import json

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from localcloud import server
from tidegate.aws import signatures
from tidegate.errors import ArtefactError

MESSAGE = b"a manifest of some length that is hashed once, not twice\n"
DIGEST = hashlib.sha256(MESSAGE).digest()


@pytest.fixture(scope="module")
def running():
    with server.start(names=("kms",)) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def kms(running):
    return running.cloud.client("kms")


@pytest.fixture(scope="module")
def key(kms):
    return new_key(kms)


def new_key(kms, spec="ECC_NIST_P256"):
    return kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]


def asked(key, **more):
    return {
        "KeyId": key,
        "Message": DIGEST,
        "MessageType": "DIGEST",
        "SigningAlgorithm": "ECDSA_SHA_256",
    } | more


def code_of(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response["Error"]["Code"]


def test_the_signature_of_a_digest_is_that_of_the_message_whoever_checks_it(kms, key):
    signature = kms.sign(**asked(key))["Signature"]
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    public.verify(signature, MESSAGE, ec.ECDSA(hashes.SHA256()))  # raises if it is not
    assert kms.verify(**asked(key, Signature=signature))["SignatureValid"] is True
    raw = asked(key, Message=MESSAGE, MessageType="RAW", Signature=signature)
    assert kms.verify(**raw)["SignatureValid"] is True


@pytest.mark.parametrize("kind", ["DIGEST", "RAW"])
def test_a_wrong_signature_is_an_error_not_an_answer(kms, key, kind):
    signature = kms.sign(**asked(key))["Signature"]
    other = asked(key, Message=hashlib.sha256(b"another").digest(), MessageType=kind, Signature=signature)
    assert code_of(kms.verify, **other) == "KMSInvalidSignatureException"
    stranger = asked(new_key(kms), MessageType=kind, Signature=signature)
    assert code_of(kms.verify, **stranger) == "KMSInvalidSignatureException"
    assert code_of(kms.verify, **asked(key, Signature=b"no DER")) == "KMSInvalidSignatureException"


@pytest.mark.parametrize("length", [20, 31, 48])
def test_a_digest_of_another_length_is_refused(kms, key, length):
    assert code_of(kms.sign, **asked(key, Message=b"x" * length)) == "ValidationException"


def test_an_artefact_is_signed_in_a_file_that_openssl_could_check(kms, key, tmp_path):
    (tmp_path / "manifest.json").write_bytes(MESSAGE)
    signatures.sign(kms, key, tmp_path)
    document = json.loads((tmp_path / "manifest.sig.json").read_text())
    assert (document["key"], document["algorithm"]) == (key, "ECDSA_SHA_256")
    signatures.verify(kms, key, DIGEST, (tmp_path / "manifest.sig.json").read_bytes())
    with pytest.raises(ArtefactError, match="the artefact's signature is of another manifest"):
        signatures.verify(
            kms, key, hashlib.sha256(b"x").digest(), (tmp_path / "manifest.sig.json").read_bytes()
        )


def test_a_key_that_is_not_there_signs_nothing(kms, tmp_path):
    (tmp_path / "manifest.json").write_bytes(MESSAGE)
    gone = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    with pytest.raises(ArtefactError, match="the artefact cannot be signed"):
        signatures.sign(kms, gone, tmp_path)
    assert not (tmp_path / "manifest.sig.json").exists()


def test_the_client_is_in_the_region_of_the_key(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert signatures.client("arn:aws:kms:eu-west-1:1:key/x").meta.region_name == "eu-west-1"


@pytest.mark.parametrize(("granted", "allowed"), [("kms:Sign", True), ("kms:Verify", False)])
def test_a_role_signs_with_the_key_it_was_given_and_no_other(running, kms, key, granted, allowed):
    from localcloud import identity

    name = f"job-{granted[4:]}"
    role = kms_role(running, name, granted, key)
    keys = identity.credentials(role)
    theirs = boto3.client(
        "kms",
        endpoint_url=running.url,
        region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys.get("AWS_SESSION_TOKEN"),
    )
    if allowed:
        assert theirs.sign(**asked(key))["Signature"]
        assert code_of(theirs.sign, **asked(new_key(kms))) == "AccessDeniedException"
    else:
        assert code_of(theirs.sign, **asked(key)) == "AccessDeniedException"


def kms_role(running, name, action, key):
    iam = running.cloud.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
            }
        ],
    }
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": action, "Resource": key}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return arn
