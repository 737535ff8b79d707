"""`tidegate ui` and `tidegate runs` as they are typed, without MLflow's page itself."""

import io
import json
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

from tidegate_cli.commands import runs, ui
from tidegate_cli.failure import CommandError

APP = "arn:aws:sagemaker:us-east-1:1:mlflow-app/app-ABCDEFGHIJKL"


class Aws:
    """The MLflow App and the function of one pipeline."""

    def __init__(self, **answer):
        self.answer = answer
        self.asked = []

    def create_presigned_mlflow_app_url(self, Arn):  # noqa: N803
        self.asked.append(Arn)
        return {"AuthorizedUrl": "https://app.example.com/auth?authToken=x"}

    def invoke(self, FunctionName, Payload):  # noqa: N803
        self.asked.append((FunctionName, Payload))
        error = {"FunctionError": "Unhandled"} if "errorMessage" in self.answer else {}
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode()), **error}


@pytest.fixture
def typed(command, monkeypatch):
    """Type words after `tidegate` where a pipeline has these outputs."""

    def run(aws, *words, **outputs):
        place = SimpleNamespace(name="AWS", prefix="flights-dev", outputs=outputs, client=lambda service: aws)
        for module in (runs, ui):
            monkeypatch.setattr(module, "current", lambda options: place)
        ended = command(*words)
        return ended.code, ended.out

    return run


def test_with_aws_the_link_of_the_app_is_printed(typed):
    aws = Aws()
    code, out = typed(aws, "ui", "--aws", "--no-open", "--json", MlflowApp=APP)
    assert (code, json.loads(out)) == (0, {"ok": True, "url": "https://app.example.com/auth?authToken=x"})
    assert aws.asked == [APP]


def test_a_pipeline_without_an_app_says_which_setting_it_is(typed):
    code, out = typed(Aws(), "ui", "--aws", "--json")
    assert code == 2 and "tracking.enabled" in json.loads(out)["error"]["cause"]


def test_without_a_run_on_this_machine_it_says_how_to_make_one(typed, monkeypatch, tmp_path):
    monkeypatch.setattr(ui, "state_folder", lambda: ui.CHECKOUT / ".tidegate" / "nothing-there")
    code, out = typed(Aws(), "ui", "--json")
    assert code == 2 and "make demo" in json.loads(out)["error"]["hint"]


def test_replay_names_what_was_written_and_what_still_waits(typed):
    aws = Aws(run=None, written=["a"], waiting={"b": "run b is not in MLflow\n  cause: down"})
    code, out = typed(aws, "runs", "replay", RecordRunFunction="record-run")
    assert code == 1
    assert out.splitlines() == ["a  written", "b  waits  cause: down"]
    assert aws.asked == [("record-run", b"{}")]


def test_replay_of_nothing_is_well(typed):
    code, out = typed(Aws(run=None, written=[], waiting={}), "runs", "replay", RecordRunFunction="f")
    assert (code, out) == (0, "nothing waits\n")


def test_a_function_that_fails_is_told(typed):
    code, out = typed(Aws(errorMessage="no bucket"), "runs", "replay", "--json", RecordRunFunction="f")
    assert code == 2 and json.loads(out)["error"]["cause"] == "no bucket"


def test_all_of_mlflow_comes_from_the_lock_where_only_its_client_is_installed(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(ui, "version", missing)
    monkeypatch.setattr(ui.shutil, "which", lambda name: f"/bin/{name}")
    assert ui.program() == (
        *("/bin/uv", "--quiet", "run", "--frozen", "--isolated", "--only-group", "ui", "mlflow"),
    )


def test_without_mlflow_and_without_uv_it_says_what_is_missing(monkeypatch, tmp_path):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(ui, "version", missing)
    monkeypatch.setattr(ui.shutil, "which", lambda name: None)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(ui, "CHECKOUT", tmp_path)
    with pytest.raises(CommandError, match="not installed"):
        ui.program()
