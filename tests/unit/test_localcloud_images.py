"""Dockerfiles read for how their image runs, and image URIs that lead to them."""

import shutil
from pathlib import PurePosixPath

import pytest

from localcloud import cloud, images
from localcloud.assembly import Assembly, ImageAsset, Stack
from localcloud.cloud import Cloud
from localcloud.dockerfile import DockerfileError, parse

TWO_STAGES = """\
# syntax=docker/dockerfile:1
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS Base
ARG GREETING=hello
ENV WORDS="$GREETING world" ONE=1
ENV OLD form of $ONE
WORKDIR /srv
RUN <<EOF
ENTRYPOINT ["not", "this"]
EOF
ENTRYPOINT ["python", "-m", "base"]
CMD ["default"]

FROM base AS jobs
WORKDIR app
COPY . \\
  # a comment among continued lines
  .
ENV HOME_OF=/srv/app/data LITERAL=\\$ONE FALLBACK=${NOT_SET:-deep} PATH="/opt/bin:$PATH"
ENTRYPOINT ["python", "/srv/app/entry.py"]
CMD ["train"]
"""


def test_the_last_stage_counts_and_inherits_from_the_stage_it_is_from():
    runtime = parse(TWO_STAGES)
    assert runtime.entrypoint == ("python", "/srv/app/entry.py")
    assert runtime.command == ("train",)
    assert runtime.workdir == PurePosixPath("/srv/app")
    assert runtime.environment == {
        "WORDS": "hello world",
        "ONE": "1",
        "OLD": "form of 1",
        "HOME_OF": "/srv/app/data",
        "LITERAL": "$ONE",
        "FALLBACK": "deep",
        "PATH": "/opt/bin:",
    }


def test_a_target_is_the_stage_of_that_name_and_build_arguments_count():
    runtime = parse(TWO_STAGES, target="base", arguments={"GREETING": "good bye"})
    assert runtime.entrypoint == ("python", "-m", "base")
    assert runtime.command == ("default",)
    assert runtime.environment["WORDS"] == "good bye world"


def test_an_entry_point_forgets_the_command_it_inherits_but_not_its_own():
    text = 'FROM a AS one\nCMD ["old"]\nFROM one\n{}ENTRYPOINT ["run"]\n'
    assert parse(text.format("")).command == ()
    assert parse(text.format('CMD ["new"]\n')).command == ("new",)


@pytest.mark.parametrize(
    "text, message",
    [
        ("FROM a\nENTRYPOINT python -m jobs\n", "shell form"),
        ("FROM a\nCMD train\n", "shell form"),
        ("# nothing\n", "no FROM"),
    ],
)
def test_what_cannot_be_followed_is_said(text, message):
    with pytest.raises(DockerfileError, match=message):
        parse(text)


def test_a_target_that_is_not_there_is_said():
    with pytest.raises(DockerfileError, match="no stage named serving"):
        parse("FROM a AS jobs\n", target="serving")


REPOSITORY = "cdk-hnb659fds-container-assets-${AWS::AccountId}-${AWS::Region}"
NAME = "cdk-hnb659fds-container-assets-123456789012-us-east-1:abc"


@pytest.fixture
def staged(tmp_path, monkeypatch):
    """Where the image asset `abc` lies once it is registered."""
    monkeypatch.setattr(cloud, "_current", Cloud("http://127.0.0.1:1", tmp_path / "scratch"))
    asset_folder = tmp_path / "asset.abc"
    asset_folder.mkdir()
    (asset_folder / "Dockerfile").write_text(TWO_STAGES)
    asset = ImageAsset(
        id="abc",
        folder=asset_folder,
        dockerfile="Dockerfile",
        target="jobs",
        arguments={},
        destinations=((REPOSITORY, "abc"),),
    )
    stack = Stack(id="S", name="S", template_file=tmp_path / "t.json", images=(asset,))
    images.register(Assembly(tmp_path, (stack,)))
    shutil.rmtree(asset_folder)  # as an assembly that was synthesized anew, or forgotten
    return tmp_path / "scratch" / "images" / "abc"


@pytest.mark.parametrize(
    "uri", [f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{NAME}", f"localhost:5000/{NAME}", NAME]
)
def test_an_image_is_found_by_its_tag_whatever_the_registry(staged, uri):
    assert images.find(uri).folder == staged


def test_paths_below_the_working_directory_become_paths_of_the_folder(staged):
    image = images.find(NAME)
    assert image.entrypoint == ("python", str(staged / "entry.py"))
    assert image.command == ("train",)
    assert image.environment["HOME_OF"] == str(staged / "data")


def test_the_path_variable_of_an_image_does_not_hide_this_machines_programs(staged):
    assert "PATH" not in images.find(NAME).environment


@pytest.mark.parametrize(
    "uri, cause", [("repository:tag", "none of them repository:tag"), (f"{NAME}@sha256:00", "digest")]
)
def test_an_unknown_image_is_a_lookup_error_that_says_why(staged, uri, cause):
    with pytest.raises(LookupError) as caught:
        images.find(uri)
    assert cause in str(caught.value) and "hint:" in str(caught.value)


def test_a_dockerfile_in_shell_form_is_a_lookup_error_that_says_what_to_write(staged):
    (staged / "Dockerfile").write_text("FROM a\nFROM a AS jobs\nENTRYPOINT run me\n")
    with pytest.raises(LookupError) as caught:
        images.find(NAME)
    assert 'write ENTRYPOINT ["program", "argument"]' in str(caught.value)
