"""S3 URIs and where their keys lie in a folder; pure."""


def split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def join(uri: str, *parts: str) -> str:
    return "/".join([uri.rstrip("/"), *parts])


def relative(key: str, prefix: str) -> str:
    """Where a key under a prefix lies in the channel's folder.

    A prefix that is a folder, or the name of one, is taken off; a prefix that is itself the key leaves the
    file name; a prefix that ends within a name leaves that name whole.
    """
    if key.startswith(folder := prefix.rstrip("/") + "/") and prefix:
        return key[len(folder) :]
    return key[prefix.rfind("/") + 1 :]
