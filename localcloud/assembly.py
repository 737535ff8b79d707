"""A CDK cloud assembly (cdk.out) as data: its stacks in the order they deploy, their templates and assets.

Format: aws/aws-cdk, packages/@aws-cdk/cloud-assembly-schema. Read from the folder alone: no CDK needed.
"""

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from localcloud.errors import CloudError


@dataclass(frozen=True, kw_only=True)
class FileAsset:
    """A file or a folder that a template expects in a bucket."""

    id: str  # the hash of its content
    path: Path
    zipped: bool
    destinations: tuple[tuple[str, str], ...]  # (bucket, key), with ${AWS::AccountId} and the like in them


@dataclass(frozen=True, kw_only=True)
class ImageAsset:
    """A folder that a template expects as a container image in a repository."""

    id: str
    folder: Path
    dockerfile: str
    target: str  # the stage to build, "" for the last
    arguments: Mapping[str, str]
    destinations: tuple[tuple[str, str], ...]  # (repository, tag)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One template with what it needs to be deployed."""

    id: str  # the artifact's name in the manifest
    name: str
    template_file: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FileAsset, ...] = ()
    images: tuple[ImageAsset, ...] = ()

    @functools.cached_property
    def template(self) -> dict[str, Any]:
        return _object(self.template_file)


@dataclass(frozen=True)
class Assembly:
    """A synthesized app."""

    folder: Path
    stacks: tuple[Stack, ...]  # a stack comes after those it depends on


def read(folder: Path) -> Assembly:
    """Read the assembly in `folder`, with the assemblies of its stages.

    Raises:
        CloudError: the folder is not a complete cloud assembly.
    """
    if not (folder / "manifest.json").is_file():
        raise CloudError(
            f"`{folder}` is not a CDK cloud assembly",
            cause="it has no manifest.json",
            hint="npx cdk synth writes one to cdk.out",
        )
    stacks = tuple(_stacks(folder.resolve()))
    names = [stack.name for stack in stacks]
    if twice := {name for name in names if names.count(name) > 1}:
        raise CloudError(
            f"`{folder}` has two stacks named {min(twice)}",
            cause="both would be the same stack of an account",
            hint="give the stacks of different stages different names",
        )
    return Assembly(folder, stacks)


def _stacks(folder: Path) -> Iterator[Stack]:
    manifest = _object(folder / "manifest.json")
    if missing := manifest.get("missing"):
        keys = ", ".join(sorted(str(entry.get("key")) for entry in missing))
        raise CloudError(
            f"`{folder}` is not a complete cloud assembly",
            cause=f"it waits for context of an AWS account: {keys}",
            hint="leave look-ups (from_lookup) out of the app",
        )
    artifacts = manifest.get("artifacts") or {}
    for name in _in_order(folder, artifacts):
        artifact = artifacts[name]
        match artifact["type"]:
            case "aws:cloudformation:stack":
                yield _stack(folder, name, artifact, artifacts)
            case "cdk:cloud-assembly":
                yield from _stacks(folder / artifact["properties"]["directoryName"])


def _in_order(folder: Path, artifacts: Mapping[str, Any]) -> tuple[str, ...]:
    needs = {name: artifact.get("dependencies", []) for name, artifact in artifacts.items()}
    try:
        order = tuple(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise CloudError(
            f"`{folder}` has stacks that wait for each other", cause=" -> ".join(error.args[1])
        ) from error
    if unknown := set(order) - artifacts.keys():
        raise CloudError(
            f"`{folder}` is not a complete cloud assembly",
            cause=f"its manifest names artifacts that are not in it: {', '.join(sorted(unknown))}",
        )
    return order


def _stack(
    folder: Path, name: str, artifact: Mapping[str, Any], artifacts: Mapping[str, Mapping[str, Any]]
) -> Stack:
    properties = artifact.get("properties") or {}
    files: list[FileAsset] = []
    images: list[ImageAsset] = []
    for other in artifact.get("dependencies", []):
        if artifacts[other]["type"] == "cdk:asset-manifest":
            manifest = _object(folder / artifacts[other]["properties"]["file"])
            files += [_file(folder, id_, entry) for id_, entry in manifest.get("files", {}).items()]
            images += [_image(folder, id_, entry) for id_, entry in manifest.get("dockerImages", {}).items()]
    return Stack(
        id=name,
        name=properties.get("stackName", name),
        template_file=folder / properties["templateFile"],
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
        files=tuple(files),
        images=tuple(images),
    )


def _file(folder: Path, id_: str, entry: Mapping[str, Any]) -> FileAsset:
    source = entry["source"]
    if "executable" in source:
        raise _external(id_, source)
    return FileAsset(
        id=id_,
        path=(folder / source["path"]).resolve(),
        zipped=source.get("packaging", "file") == "zip",
        destinations=_destinations(entry, "bucketName", "objectKey"),
    )


def _image(folder: Path, id_: str, entry: Mapping[str, Any]) -> ImageAsset:
    source = entry["source"]
    if "executable" in source:
        raise _external(id_, source)
    return ImageAsset(
        id=id_,
        folder=(folder / source["directory"]).resolve(),
        dockerfile=source.get("dockerFile", "Dockerfile"),
        target=source.get("dockerBuildTarget", ""),
        arguments=source.get("dockerBuildArgs", {}),
        destinations=_destinations(entry, "repositoryName", "imageTag"),
    )


def _destinations(entry: Mapping[str, Any], place: str, key: str) -> tuple[tuple[str, str], ...]:
    return tuple((where[place], where[key]) for where in entry["destinations"].values())


def _external(id_: str, source: Mapping[str, Any]) -> CloudError:
    return CloudError(
        f"asset {id_} cannot be staged",
        cause=f"it is made by a command, {source['executable']}, and not a folder of the assembly",
        hint="use an asset of a path",
    )


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CloudError(
            f"`{path.parent}` is not a complete cloud assembly",
            cause=f"{path.name}: {error}",
            hint="npx cdk synth writes it anew",
        ) from error
    if not isinstance(found, dict):
        raise CloudError(
            f"`{path.parent}` is not a complete cloud assembly", cause=f"{path.name} holds no JSON object"
        )
    return found
