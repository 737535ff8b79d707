"""A record by an MLflow App's ARN: AWS's own plug-in signs, a real MLflow server takes it over HTTP.

What is not AWS's here is the server behind the address; the plug-in's own variable leads there.
"""

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from test_experiments import record

from tidegate.training import tracking

pytestmark = pytest.mark.slow  # MLflow's server takes ten seconds of CPU to start
APP = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-ABCDEFGHIJKL"
LAKE = f"lake-{uuid.uuid4().hex}"
SECONDS = 120
WRITE = """
    import sys
    from tidegate.training import tracking
    from tidegate.aws import experiments
    experiments.write(tracking.from_lines(sys.stdin.read()), sys.argv[1], seconds=60)
"""
READ = """
    import sys
    from mlflow.tracking import MlflowClient
    client = MlflowClient(sys.argv[1])
    experiment = client.get_experiment_by_name("flights-dev").experiment_id
    for run in client.search_runs([experiment]):
        missing = run.data.tags.get("files_missing")
        print(run.info.run_name, run.info.status, sorted(run.data.metrics), missing)
"""


@pytest.fixture(scope="module")
def server(aws_server, tmp_path_factory):
    """All of MLflow, as its own command starts it; clients put files into a bucket, as those of an App do."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    argv = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    argv += ["--no-serve-artifacts", "--default-artifact-root", f"s3://{LAKE}/mlflow"]
    argv += ["--port", str(port), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + SECONDS
    while not healthy(url):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.2)
    yield url
    os.killpg(process.pid, 15)
    process.wait(30)


def healthy(url):
    try:
        return urllib.request.urlopen(f"{url}/health", timeout=5).status == 200  # noqa: S310
    except OSError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(script, *arguments, given="", **environment):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        input=given,
        env={
            **os.environ,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "eu-west-1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_record_goes_through_the_plug_in_to_a_server_and_its_files_into_the_bucket(server, aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=LAKE)
    lines = tracking.to_lines(record())
    run(WRITE, APP, given=lines, SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT=server)
    told = run(READ, server)
    assert told.count("FINISHED") == 3
    assert "registered 1 FINISHED ['candidate/roc_auc', 'candidate/roc_auc_low'] None" in told
    [file] = s3.list_objects_v2(Bucket=LAKE)["Contents"]
    assert file["Key"].startswith("mlflow/") and file["Key"].endswith("/evaluation.json")


def test_requests_for_an_app_are_signed_for_sagemaker_in_its_region():
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, dict(self.headers)))
            self.send_response(403)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    refusing = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=refusing.serve_forever, args=(0.02,), daemon=True).start()
    script = WRITE.replace(
        "    experiments.write(",
        "    import contextlib\n    with contextlib.suppress(experiments.TrackingUnavailableError):"
        "\n        experiments.write(",
    )
    url = f"http://127.0.0.1:{refusing.server_port}"
    run(script, APP, given=tracking.to_lines(record()), SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT=url)
    refusing.shutdown()
    path, headers = seen[0]
    assert path.startswith("/api/2.0/mlflow/experiments/get-by-name")
    assert "/eu-west-1/sagemaker/aws4_request" in headers["Authorization"]
    assert APP in headers.values()  # which App is meant
