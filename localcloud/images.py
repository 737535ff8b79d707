"""Container images without containers: the URI of an image asset leads to its staged folder and Dockerfile.

The folder stands for the image's WORKDIR: paths below WORKDIR in the Dockerfile are rewritten to the folder.
A registered folder is copied, as a push would: what runs from an image outlives the assembly it came with.
What RUN installs and where COPY puts files is not imitated: a program runs in the Python of the local cloud,
and a Dockerfile whose COPY moves files away from their place in the folder does not work here.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from weakref import WeakKeyDictionary

from localcloud import cloud
from localcloud.assembly import Assembly, ImageAsset
from localcloud.cloud import Cloud
from localcloud.dockerfile import DockerfileError, Runtime, parse
from localcloud.errors import CloudError

_assets: WeakKeyDictionary[Cloud, dict[str, ImageAsset]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Image:
    """How to run an image asset on this machine."""

    folder: Path  # the staged asset, which stands for the container's WORKDIR
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]


class ImageUnknownError(CloudError, LookupError):
    """No deployed assembly has this image."""


class ImageUnreadableError(CloudError, LookupError):
    """The image is there, but its Dockerfile cannot be followed here."""


def register(assembly: Assembly) -> None:
    """Make the image assets of `assembly` known to `find`, besides those registered before.

    Raises:
        CloudError: the assembly names an image asset that is not in it.
    """
    here = cloud.current()
    known = _assets.setdefault(here, {})
    for stack in assembly.stacks:
        for asset in stack.images:
            pushed = replace(asset, folder=_pushed(asset, here))
            for repository, tag in asset.destinations:
                known[f"{_filled(repository, here)}:{_filled(tag, here)}"] = pushed


def _pushed(asset: ImageAsset, here: Cloud) -> Path:
    """A copy of the asset in this cloud's own folder; its id is the hash of its content, so one is enough."""
    target = here.folder / "images" / asset.id
    if target.exists():
        return target
    if not asset.folder.is_dir():
        raise CloudError(
            f"image asset {asset.id} is not in the assembly",
            cause=f"`{asset.folder}` does not exist",
            hint="npx cdk synth stages it anew",
        )
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(asset.folder, partial)
    return partial.rename(target)


def find(image_uri: str) -> Image:
    """The image behind `{registry}/{repository}:{tag}`; the registry's host name does not matter.

    Raises:
        LookupError: no such image, or its Dockerfile is not in exec form.
    """
    known = _assets.get(cloud.current(), {})
    if "@" in image_uri:
        raise ImageUnknownError(
            f"image {image_uri} is not known here",
            cause="it is named by a digest, and nothing is built here that could have one",
            hint="name it by its tag, as the CDK does",
        )
    registry, slash, path = image_uri.partition("/")
    # the first part is a registry where it looks like a host (Docker's own rule)
    name = path if slash and ("." in registry or ":" in registry or registry == "localhost") else image_uri
    asset = known.get(name)
    if asset is None:
        raise ImageUnknownError(
            f"image {image_uri} is not known here",
            cause=f"the deployed assembly has {len(known)} image assets, none of them {name}",
            hint="make it a DockerImageAsset of the app and deploy the assembly again",
        )
    return _read(asset)


def _read(asset: ImageAsset) -> Image:
    folder = asset.folder
    try:
        text = (folder / asset.dockerfile).read_text(encoding="utf-8")
        runtime = parse(text, target=asset.target, arguments=asset.arguments)
    except (OSError, UnicodeDecodeError, DockerfileError) as error:
        raise ImageUnreadableError(
            f"the image of {folder.name} cannot run here",
            cause=f"{asset.dockerfile}: {error}",
            hint="give it ENTRYPOINT and CMD in exec form",
        ) from error
    return Image(
        folder=folder,
        entrypoint=tuple(_here(word, runtime.workdir, folder) for word in runtime.entrypoint),
        command=tuple(_here(word, runtime.workdir, folder) for word in runtime.command),
        environment=dict(_environment(runtime, folder)),
    )


def _environment(runtime: Runtime, folder: Path) -> Iterator[tuple[str, str]]:
    for name, value in runtime.environment.items():
        # the image's PATH names its own directories; here programs are found on ours
        if name != "PATH":
            yield name, _here(value, runtime.workdir, folder)


def _here(text: str, workdir: PurePosixPath, folder: Path) -> str:
    if workdir == PurePosixPath("/") or not text.startswith("/"):
        return text
    path = PurePosixPath(text)
    return str(folder / path.relative_to(workdir)) if path.is_relative_to(workdir) else text


def _filled(text: str, here: Cloud) -> str:
    return (
        text.replace("${AWS::AccountId}", here.account)
        .replace("${AWS::Region}", here.region)
        .replace("${AWS::Partition}", "aws")
    )
