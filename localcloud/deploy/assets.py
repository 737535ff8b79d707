"""Publishing the assets of a stack: folders zipped and files put where its template expects them."""

import zipfile
from pathlib import Path

from botocore.exceptions import ClientError

from localcloud import cloud
from localcloud.assembly import FileAsset, Stack
from localcloud.errors import CloudError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: equal folders give equal zips


def publish(stack: Stack) -> None:
    """Put what is not there yet; an asset's key holds the hash of its content, so what is there is right.

    Raises:
        CloudError: the assembly names an asset that is not in it.
    """
    for asset in stack.files:
        for bucket, key in asset.destinations:
            _put(asset, _filled(bucket), _filled(key))


def _put(asset: FileAsset, bucket: str, key: str) -> None:
    s3 = cloud.current().client("s3")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:  # noqa: PLR2004  not found
            raise
    else:
        return
    if not asset.path.exists():
        raise CloudError(
            f"asset {asset.id} is not in the assembly",
            cause=f"`{asset.path}` does not exist",
            hint="npx cdk synth stages it anew",
        )
    s3.create_bucket(Bucket=bucket)  # us-east-1 answers 200 when it is there already
    path = _zipped(asset) if asset.zipped else asset.path
    with path.open("rb") as body:
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def _zipped(asset: FileAsset) -> Path:
    if asset.path.is_file():  # already an archive
        return asset.path
    target = cloud.current().folder / "assets" / f"{asset.id}.zip"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        _zip(asset.path, partial)
        partial.rename(target)
    return target


def _zip(folder: Path, target: Path) -> None:
    # stored, not deflated: it is unpacked again on this disk a moment later
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                info.external_attr = path.stat().st_mode << 16  # what may be executed stays executable
                archive.writestr(info, path.read_bytes())


def _filled(text: str) -> str:
    here = cloud.current()
    return (
        text.replace("${AWS::AccountId}", here.account)
        .replace("${AWS::Region}", here.region)
        .replace("${AWS::Partition}", "aws")
    )
