"""What component tests share: an AWS to talk to, and functions loaded as Lambda loads them."""

import importlib
import logging
import socket
import subprocess
import sys
import time
import uuid
from types import SimpleNamespace

import boto3
import botocore.loaders
import botocore.session
import pytest


@pytest.fixture(scope="session")
def aws_server():
    """The address of one moto server. Tests share it, so each makes up its own names.

    A process of its own: the local cloud's tests put other classes in the place of moto's in theirs.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_open(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_until_open(port, server, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the moto server did not start")


@pytest.fixture(scope="session")
def service_models():
    """Botocore's loader, shared: to parse the models of services anew for each test took most of its time."""
    return botocore.loaders.create_loader()


@pytest.fixture
def aws(aws_server, service_models, monkeypatch):
    """The environment that makes every client find the server; `aws.name(...)` is new each time."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    session = botocore.session.Session()
    session.register_component("data_loader", service_models)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session(botocore_session=session))
    service_models.search_paths[:] = dict.fromkeys(service_models.search_paths)  # each session adds its own
    return SimpleNamespace(
        endpoint=aws_server,
        client=boto3.client,
        name=lambda what: f"{what}-{uuid.uuid4().hex[:12]}",
    )


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """MLflow's sqlite tables without a run, to be copied: making them costs over a second of CPU."""
    from tidegate.aws import experiments  # so does importing MLflow

    store = tmp_path_factory.mktemp("mlflow") / "empty.db"
    experiments._client(f"sqlite:///{store}").search_experiments()
    return store


@pytest.fixture
def catalog(aws):
    """The tables of a new lake and database."""
    from tidegate.aws.catalog import Catalog  # only few tests want pyarrow

    lake, database = aws.name("lake"), aws.name("db").replace("-", "_")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=lake)
    aws.client("glue").create_database(DatabaseInput={"Name": database})
    return Catalog(s3, lake_bucket=lake, database=database)


@pytest.fixture
def load(aws, monkeypatch):
    """Load a function as Lambda does: set its environment, import it anew, take the attribute."""

    def load_function(handler: str, **environment: str):
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")
        monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tidegate")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        module, _, attribute = handler.rpartition(".")
        sys.modules.pop(module, None)
        # powertools keeps the handler of a logger, and with it the stdout of an earlier test
        logging.Logger.manager.loggerDict.pop("test", None)
        return getattr(importlib.import_module(module), attribute)

    return load_function


@pytest.fixture
def context():
    """The part of Lambda's context that powertools reads."""
    return SimpleNamespace(
        function_name="test",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:test",
        aws_request_id="00000000-0000-0000-0000-000000000000",
    )
