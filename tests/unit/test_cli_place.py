"""Where a verb acts: never on another pipeline than the one that was named."""

import os
import socket
from pathlib import Path

import pytest

from tidegate_cli import local, place
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options


@pytest.fixture
def weather(tmp_path):
    (tmp_path / "pipeline.toml").write_text('[pipeline]\nname = "weather"\n')
    return tmp_path


@pytest.fixture(autouse=True)
def flights_run(tmp_path, monkeypatch):
    """A cloud of the pipeline `flights`, in environment `dev`."""
    monkeypatch.setattr(local, "state_folder", lambda: tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with local.advertised(local.LocalCloud(url, os.getpid(), "flights-dev", 150, 3.0)):
            yield


def options(folder, *, is_named):
    return Options(
        aws=None, as_json=False, quiet=True, pipeline=Path(folder), environment="dev", is_named=is_named
    )


def test_another_pipeline_than_the_named_one_is_not_acted_on(weather):
    with pytest.raises(CommandError, match="`weather-dev` does not run on this machine") as told:
        place.current(options(weather, is_named=True))
    assert told.value.cause.startswith("flights-dev does")


def test_without_a_name_it_is_the_one_that_runs(weather):
    assert place.current(options(weather, is_named=False)).prefix == "flights-dev"


def test_the_named_one_is_found(weather):
    (weather / "pipeline.toml").write_text('[pipeline]\nname = "flights"\n')
    assert place.current(options(weather, is_named=True)).prefix == "flights-dev"
