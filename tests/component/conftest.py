"""What component tests share: an AWS to talk to, and functions loaded as Lambda loads them."""

import importlib
import logging
import sys
import uuid
from types import SimpleNamespace

import boto3
import pytest
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="session")
def aws_server():
    """The address of one moto server. Tests share it, so each makes up its own names."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def aws(aws_server, monkeypatch):
    """The environment that makes every client find the server; `aws.name(...)` is new each time."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return SimpleNamespace(
        endpoint=aws_server,
        client=boto3.client,
        name=lambda what: f"{what}-{uuid.uuid4().hex[:12]}",
    )


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
