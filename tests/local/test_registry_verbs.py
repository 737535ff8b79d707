"""One model through the registry's verbs: registered, not paid for twice, replayed to the byte."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from dropping import put
from test_job_faults import changed

from tidegate_cli import local
from tidegate_cli.assembly import CHECKOUT, synthesize
from tidegate_cli.executions import follow, wait_for_start
from tidegate_cli.narration import Narrator
from tidegate_cli.place import on_this_machine

pytestmark = pytest.mark.slow  # it starts a pipeline of its own

FLIGHTS = CHECKOUT / "examples" / "flights"
SMALL = {"minimum_rows": 50, "folds": 2, "trials": 1, "parallel": 1}


@pytest.fixture(scope="module")
def place(tmp_path_factory, flights):
    """A pipeline with one model of January, registered and serving."""
    folder = tmp_path_factory.mktemp("registry") / "flights"
    shutil.copytree(FLIGHTS, folder)
    settings = folder / "pipeline.toml"
    settings.write_text(changed(settings.read_text(), SMALL))
    with local.start(synthesize(folder, "dev"), "flights-dev") as started:
        place = on_this_machine(started.cloud)
        moment = datetime.now(UTC) - timedelta(seconds=2)
        january = flights.flights([1])
        put(
            place, "drops/flights/january.csv", flights.to_csv(january.take([*range(0, january.num_rows, 2)]))
        )
        arn = wait_for_start(place, "training", Narrator(), moment=moment)
        ended = follow(place, "training", arn, Narrator(), seconds=300)
        assert ended.output.get("outcome") == "registered", (ended.output, ended.cause)
        arn = wait_for_start(place, "deployment", Narrator(), moment=moment)
        assert follow(place, "deployment", arn, Narrator(), seconds=120).succeeded  # the next ties with it
        yield place


@pytest.fixture(scope="module")
def typed(place):
    """Run the command as for an account, which only the environment says is on this machine."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.devnull,
        "AWS_ENDPOINT_URL": place.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "thing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    argv = [sys.executable, "-m", "tidegate_cli.main", "--pipeline", str(FLIGHTS), "--aws", "--json"]

    def run(*words):
        done = subprocess.run(
            [*argv, *words], env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=False
        )
        return done.returncode, json.loads(done.stdout), done.stderr

    return run


def record_of(place, content_id):
    """The item that says what came of those inputs, and a way to change it."""
    client, table = place.client("dynamodb"), place.outputs["StateTable"]
    key = {"id": {"S": f"trained#{content_id}"}}
    item = client.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]

    def write(**changes):
        earlier = json.loads(item["earlier"]["S"]) | changes
        client.put_item(TableName=table, Item=item | {"earlier": {"S": json.dumps(earlier)}})

    return write


def test_one_model_is_registered_not_paid_for_twice_and_follows_from_its_record(place, typed):
    code, model, _ = typed("models", "show", "1")
    assert code == 0 and model["evaluation"]["gate"]["passed"]
    lineage = model["lineage"]
    assert lineage["model_sha256"] == model["manifest"]["sha256"]["model.skops"]
    assert lineage["train_sha256"] == model["manifest"]["inputs"]["rows"]["part-0.parquet"]
    body = place.client("s3").get_object(
        Bucket=place.outputs["LakeBucket"], Key=f"lineage/{model['run']}/complete.json"
    )["Body"]
    told = json.loads(body.read())
    assert told["outputs"][-1]["name"] == "model-package/flights-dev"
    assert told["outputs"][-2]["facets"]["version"]["datasetVersion"] == lineage["artefact_sha256"]

    # a registered model: nothing is computed
    code, told, narration = typed("train", "--yes")
    assert (code, told["verdict"]) == (1, "skipped")
    assert told["reason"] == (
        f"same inputs as run {model['run']}, whose model is registered as flights-dev/1"
    )
    assert "TuneModel              skipped" in narration and "TrainModel             skipped" in narration

    # a model that was rejected then: it is evaluated again, and ties with itself
    write = record_of(place, lineage["content_id"])
    write(package_arn=None)
    code, told, narration = typed("train", "--yes")
    assert (code, told["verdict"]) == (1, "rejected"), told
    assert "ties keep the champion" in told["reason"]
    assert "EvaluateCandidate      ok" in narration and "TrainModel             skipped" in narration

    # a model that is gone: it is trained by what the search had found, to the same bytes
    write(package_arn=None, model_uri=f"s3://{place.outputs['LakeBucket']}/models/gone.tar.gz")
    code, told, narration = typed("train", "--yes")
    assert (code, told["verdict"]) == (1, "rejected"), told
    assert "TuneModel              skipped" in narration and "TrainModel             ok" in narration

    s3, rows = place.client("s3"), f"training/{model['run']}/train/part-0.parquet"
    for gone in (False, True):  # then they are made again of the state that the run was tagged with
        if gone:
            s3.delete_object(Bucket=place.outputs["LakeBucket"], Key=rows)
        code, told, _ = typed("replay", "1", "--yes")
        assert (code, told["equal"], told["inputs"]) == (0, True, []), told
        assert set(told["files"]) >= {"model.skops", "signature.json", "features.json", "features.py"}

    s3.delete_object(Bucket=place.outputs["LakeBucket"], Key=rows)
    place.client("sagemaker").update_model_package(
        ModelPackageArn=model["arn"], CustomerMetadataProperties={"train_sha256": "0" * 64}
    )
    code, told, _ = typed("replay", "1", "--yes")
    assert (code, told["error"]["what"]) == (2, "the rows it was trained on are gone")
    assert f"they are others: {lineage['train_sha256'][:16]}, not 0000000000000000" in told["error"]["cause"]
