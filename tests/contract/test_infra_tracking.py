"""Where a pipeline's runs are recorded, by its configuration, and what is told of the code that ran."""

import shutil
import subprocess

import pytest
from synthesized import FLIGHTS, templates_of

from infra import packaging

ENVIRONMENTS = """
[environments.untracked.tracking]
enabled = false

[environments.elsewhere.tracking]
uri = "https://mlflow.example.com"

[environments.shared.tracking]
uri = "arn:aws:sagemaker:eu-west-1:999999999999:mlflow-app/app-ABCDEFGHIJKL"
"""


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory):
    """The templates of one of these environments."""
    from infra.app import synth

    folder = tmp_path_factory.mktemp("tracking")
    pipeline = folder / "flights"
    shutil.copytree(FLIGHTS, pipeline, ignore=shutil.ignore_patterns("__pycache__"))
    with (pipeline / "pipeline.toml").open("a") as file:
        file.write(ENVIRONMENTS)
    return lambda name: templates_of(synth(pipeline, name, folder / name))


def record_run(templates):
    """Variables of the function and actions of its role; None where there is no such function."""
    for function in templates.of("AWS::Lambda::Function").values():
        if function["Properties"]["Description"].startswith("RecordRun "):
            variables = function["Properties"]["Environment"]["Variables"]
            return variables, templates.actions_of(templates.role_of(function, "Role"))
    return None


def test_by_default_an_app_of_the_pipelines_own_is_made_and_named_to_the_function(any_templates):
    [(id_, app)] = any_templates.of("AWS::SageMaker::MlflowApp").items()
    assert app["Properties"]["Name"] in ("flights-dev", "flights-prod")
    variables, actions = record_run(any_templates)
    assert "sagemaker:CallMlflowAppApi" in actions
    output = variables["MLFLOW_TRACKING_URI"]["Fn::GetStackOutput"]["OutputName"]
    assert any_templates.stacks["Data"]["Outputs"][output]["Value"] == {"Fn::GetAtt": [id_, "Arn"]}


def test_the_history_of_runs_is_kept_with_the_data_in_production(templates, templates_prod):
    for found, policy in ((templates, "Delete"), (templates_prod, "Retain")):
        [app] = found.of("AWS::SageMaker::MlflowApp").values()
        assert app["DeletionPolicy"] == policy


def test_switched_off_there_is_neither_app_nor_function(synthesized):
    templates = synthesized("untracked")
    assert templates.of("AWS::SageMaker::MlflowApp") == {}
    assert record_run(templates) is None
    assert "RecordRunFunction" not in templates.stacks["Pipeline"]["Outputs"]


def test_a_server_of_ones_own_needs_no_permission_of_aws(synthesized):
    templates = synthesized("elsewhere")
    assert templates.of("AWS::SageMaker::MlflowApp") == {}
    variables, actions = record_run(templates)
    assert variables["MLFLOW_TRACKING_URI"] == "https://mlflow.example.com"
    assert "sagemaker:CallMlflowAppApi" not in actions


def test_an_app_that_is_there_already_is_the_one_that_may_be_called(synthesized):
    templates = synthesized("shared")
    assert templates.of("AWS::SageMaker::MlflowApp") == {}
    app = "arn:aws:sagemaker:eu-west-1:999999999999:mlflow-app/app-ABCDEFGHIJKL"
    assert record_run(templates)[0]["MLFLOW_TRACKING_URI"] == app
    [statement] = [
        statement
        for policy in templates.of("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "sagemaker:CallMlflowAppApi"
    ]
    assert statement["Resource"] == app


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with one commit, in the place of this one."""
    (tmp_path / "tidegate").mkdir()
    (tmp_path / "tidegate" / "a.py").write_text("1")
    (tmp_path / "uv.lock").write_text("lock")
    (tmp_path / "README.md").write_text("read me")
    (tmp_path / "pipeline").mkdir()
    monkeypatch.setattr(packaging, "CHECKOUT", tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "-m", "first")
    return tmp_path


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_commit_is_dirty_when_what_is_shipped_differs_and_not_otherwise(checkout):
    commit = git(checkout, "rev-parse", "HEAD").strip()
    clean = packaging.origin_of(checkout / "pipeline")
    assert (clean.commit, clean.dirty) == (commit, "false")
    (checkout / "README.md").write_text("another")
    assert packaging.origin_of(checkout / "pipeline") == clean
    (checkout / "tidegate" / "b.py").write_text("new")
    assert packaging.origin_of(checkout / "pipeline").dirty == "true"


def test_outside_of_git_the_commit_is_unknown(tmp_path, monkeypatch):
    (tmp_path / "uv.lock").write_text("lock")
    monkeypatch.setattr(packaging, "CHECKOUT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = packaging.origin_of(tmp_path)
    assert (found.commit, found.dirty) == ("unknown", "unknown")
    # sha256 of "lock", by sha256sum
    assert found.lock == "0c030586945fe504b604ecc2e875c38ede400cd5cd73da9730302162e6b02c6f"
