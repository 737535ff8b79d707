"""What uv.lock says that a group of dependencies brings."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.markers import Marker
from synthesized import REPOSITORY

LOCK = tomllib.loads((REPOSITORY / "uv.lock").read_text())
PACKAGES = {package["name"]: package for package in LOCK["package"]}


def of_groups(groups: tuple[str, ...], environment: Mapping[str, str]) -> set[str]:
    """Names of all packages that the groups bring where markers see this environment."""
    project = PACKAGES["tidegate"]["dev-dependencies"]
    return set(_closure([each for group in groups for each in project[group]], environment))


def of_package(name: str, environment: Mapping[str, str]) -> set[str]:
    """The package and all that it brings."""
    return set(_closure([{"name": name}], environment))


def _closure(dependencies: list[dict[str, Any]], environment: Mapping[str, str]) -> Iterator[str]:
    todo = list(dependencies)
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while todo:
        dependency = todo.pop()
        wanted = dependency["name"], tuple(dependency.get("extra", ()))
        if wanted in seen or not _applies(dependency, environment):
            continue
        seen.add(wanted)
        name, extras = wanted
        yield name
        package = PACKAGES[name]
        todo += package.get("dependencies", [])
        for extra in extras:
            todo += package.get("optional-dependencies", {}).get(extra, [])


def _applies(dependency: dict[str, Any], environment: Mapping[str, str]) -> bool:
    return "marker" not in dependency or Marker(dependency["marker"]).evaluate(dict(environment))
