"""The image's Dockerfile against what is staged for it, what the lock holds and what SageMaker asks."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from locked import PACKAGES, of_groups
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename
from synthesized import REPOSITORY

from infra.packaging import PIPELINE_DIR, PYTHON
from localcloud.dockerfile import parse

DOCKERFILE = (REPOSITORY / "training_jobs" / "Dockerfile").read_text()
MINOR = tuple(int(part) for part in PYTHON.split("."))
ENVIRONMENT = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}


def instructions(name: str) -> list[str]:
    text = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{name} (.*)$", text, re.MULTILINE)


def test_both_stages_start_from_one_base_pinned_by_digest():
    bases = [line.split()[0] for line in instructions("FROM")]
    assert len(bases) == 2 and len(set(bases)) == 1
    assert re.fullmatch(r"public\.ecr\.aws/docker/library/python:3\.13-[a-z-]+@sha256:[0-9a-f]{64}", bases[0])


def test_the_base_has_the_python_of_the_functions():
    assert f"python:{PYTHON}-" in DOCKERFILE and f"lib/python{PYTHON}/site-packages" in DOCKERFILE


def test_everything_copied_is_staged(assembly):
    [folder] = [asset for asset in assembly.glob("asset.*") if (asset / "Dockerfile").exists()]
    copies = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    sources = [name for parts in copies for name in parts[:-1]]
    assert (folder / "Dockerfile").read_text() == DOCKERFILE
    assert set(sources) | {"Dockerfile"} == {path.name for path in folder.iterdir()}


def test_the_groups_it_installs_exist_and_nothing_of_ours_stays_out():
    groups = set(re.findall(r"--only-group (\w+)", DOCKERFILE))
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["dependency-groups"]
    assert groups == {"control", "data", "ml"} and groups <= declared.keys()


def test_sagemaker_may_name_the_port_and_the_entry_point_takes_arguments():
    assert "com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true" in instructions("LABEL")
    runtime = parse(DOCKERFILE)
    assert runtime.entrypoint == ("python", "-m", "training_jobs.entry")
    assert runtime.command == ()  # SageMaker gives the argument; a default would hide a missing one
    assert str(runtime.workdir) == "/var/task"


def test_the_environment_is_that_of_the_functions():
    given = parse(DOCKERFILE).environment
    assert given["PIPELINE_DIR"] == PIPELINE_DIR
    assert given["OMP_NUM_THREADS"] == given["OPENBLAS_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    ("groups", "platform"),
    [(("control", "data", "ml"), "manylinux_2_28_x86_64"), (("control",), "manylinux_2_28_aarch64")],
)
def test_the_lock_has_a_wheel_of_every_package_for_the_platform(groups, platform):
    """Neither the image nor the zip is built with a compiler."""
    fitting = set(tags(platform))
    names = of_groups(groups, ENVIRONMENT)
    without = [
        name
        for name in sorted(names)
        if not any(
            fitting & parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]
            for wheel in PACKAGES[name].get("wheels", [])
        )
    ]
    assert len(names) >= 3 and without == []


def tags(platform: str) -> Iterator[Tag]:
    older = ("manylinux_2_17", "manylinux2014", "manylinux_2_28", "manylinux_2_27", "manylinux_2_24")
    machine = platform.removeprefix("manylinux_2_28_")
    platforms = [f"{name}_{machine}" for name in older]
    yield from cpython_tags(MINOR, platforms=platforms)
    yield from compatible_tags(MINOR, interpreter=f"cp{MINOR[0]}{MINOR[1]}", platforms=platforms)
