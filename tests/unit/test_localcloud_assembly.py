"""Cloud assemblies read from hand-written folders."""

import json

import pytest

from localcloud import assembly
from localcloud.errors import CloudError


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))


def stack(name, *dependencies, **properties):
    return {
        "type": "aws:cloudformation:stack",
        "properties": {"templateFile": f"{name}.template.json", **properties},
        "dependencies": list(dependencies),
    }


@pytest.fixture
def folder(tmp_path):
    """An app with one stage of two stacks, with assets beside the stage's folder."""
    out = tmp_path / "cdk.out"
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-dev"}}
    write(out / "manifest.json", {"artifacts": {"assembly-dev": nested, "Tree": {"type": "cdk:tree"}}})
    assets = {"type": "cdk:asset-manifest", "properties": {"file": "Jobs.assets.json"}}
    write(
        out / "assembly-dev" / "manifest.json",
        {
            "artifacts": {
                "Jobs": stack("Jobs", "Data", "Jobs.assets", stackName="app-Jobs", tags={"a": "b"}),
                "Jobs.assets": assets,
                "Data": stack("Data"),
            }
        },
    )
    write(out / "assembly-dev" / "Data.template.json", {"Resources": {"D": {"Type": "X"}}})
    write(
        out / "assembly-dev" / "Jobs.assets.json",
        {
            "files": {
                "f1": {
                    "source": {"path": "../asset.f1", "packaging": "zip"},
                    "destinations": {"here": {"bucketName": "b-${AWS::Region}", "objectKey": "f1.zip"}},
                }
            },
            "dockerImages": {
                "i1": {
                    "source": {"directory": "../asset.i1", "dockerBuildTarget": "jobs", "dockerFile": "Df"},
                    "destinations": {"here": {"repositoryName": "r", "imageTag": "i1"}},
                }
            },
        },
    )
    return out


def test_stacks_of_a_stage_come_after_what_they_depend_on(folder):
    found = assembly.read(folder)
    assert [each.name for each in found.stacks] == ["Data", "app-Jobs"]
    assert found.stacks[0].template == {"Resources": {"D": {"Type": "X"}}}
    assert found.stacks[1].tags == {"a": "b"}


def test_assets_carry_where_they_are_and_where_they_go(folder):
    jobs = assembly.read(folder).stacks[1]
    (file,), (image,) = jobs.files, jobs.images
    assert (file.path, file.zipped) == (folder / "asset.f1", True)
    assert file.destinations == (("b-${AWS::Region}", "f1.zip"),)
    assert (image.folder, image.target, image.dockerfile) == (folder / "asset.i1", "jobs", "Df")
    assert image.destinations == (("r", "i1"),)


@pytest.mark.parametrize(
    "manifest, cause",
    [
        (None, "no manifest.json"),
        (
            {"missing": [{"key": "vpc-provider:1"}], "artifacts": {}},
            "context of an AWS account: vpc-provider:1",
        ),
        ({"artifacts": {"A": stack("A", "B"), "B": stack("B", "A")}}, " -> "),
        ({"artifacts": {"A": stack("A", "Gone")}}, "Gone"),
        ({"artifacts": {"A": stack("A", stackName="S"), "B": stack("B", stackName="S")}}, "same stack"),
        ([], "no JSON object"),
    ],
)
def test_a_folder_that_is_no_complete_assembly_is_an_error_with_its_cause(tmp_path, manifest, cause):
    if manifest is not None:
        write(tmp_path / "manifest.json", manifest)
    with pytest.raises(CloudError) as caught:
        assembly.read(tmp_path)
    assert cause in caught.value.cause


def test_a_template_that_is_missing_is_an_error_with_a_hint(tmp_path):
    write(tmp_path / "manifest.json", {"artifacts": {"A": stack("A")}})
    (found,) = assembly.read(tmp_path).stacks
    with pytest.raises(CloudError, match=r"not a complete cloud assembly") as caught:
        _ = found.template
    assert "cdk synth" in caught.value.hint
