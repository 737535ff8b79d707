"""Who is calling: dummy credentials, one pair for each role, so that every call can be laid to a role.

An access key id is derived from the role's ARN. Workers, jobs and state machines get the keys of the role
the template gave them; the front of the server reads the key in a request's signature back into the role.
"""

import base64
import hashlib

_roles: dict[str, str] = {}


def credentials(role_arn: str) -> dict[str, str]:
    """Environment variables that make an AWS client act as `role_arn` here; worthless anywhere else."""
    digest = base64.b32encode(hashlib.sha256(role_arn.encode()).digest()).decode()
    key = "ASIA" + digest[:16]
    _roles[key] = role_arn
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
    }


def role_of(access_key_id: str) -> str | None:
    """The role behind a key, or None for the person at the keyboard, who may do anything here."""
    return _roles.get(access_key_id)
