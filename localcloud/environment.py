"""The environment of the process that is the local cloud: dummy keys in, every way to real AWS out."""

import os
from collections.abc import Mapping, MutableMapping

DUMMY = "local"
# what botocore would find credentials or another endpoint by; anything AWS_ENDPOINT_URL_* belongs to them
WAYS_OUT = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_DEFAULT_PROFILE",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    }
)


def enter(
    url: str, region: str, environ: MutableMapping[str, str] = os.environ
) -> tuple[list[str], dict[str, str | None]]:
    """Point this process at `url`. Returns the names that were dropped, and what stood where for `leave`.

    moto's parts start clients of their own in this process; workers start from `Cloud.child_environment`,
    which takes nothing from here.
    """
    ours = {
        "AWS_ACCESS_KEY_ID": DUMMY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_SECRET_ACCESS_KEY": DUMMY,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "MOTO_PORT": url.rpartition(":")[2],
    }
    dropped = [
        name
        for name in sorted(environ)
        if (name in WAYS_OUT or name.startswith("AWS_ENDPOINT_URL_")) and environ[name] != DUMMY
    ]
    before = {name: environ.get(name) for name in (*dropped, *ours)}
    for name in dropped:
        del environ[name]
    environ.update(ours)
    return dropped, before


def leave(before: Mapping[str, str | None], environ: MutableMapping[str, str] = os.environ) -> None:
    for name, value in before.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
