"""MLflow's own page over recorded runs, as a person sees it in a browser."""

import json
import shutil
import subprocess
import sys
import time

import headless_browser
import pytest
from test_experiments import record, write

from tidegate_cli.assembly import CHECKOUT

pytestmark = [
    pytest.mark.slow,  # MLflow's server takes ten seconds of CPU to start
    pytest.mark.skipif(headless_browser.BROWSER is None, reason="no browser on this machine"),
]
SECONDS = 90
SCRIPT = """
import sys
from pathlib import Path
from tidegate_cli.commands import ui
from tidegate_cli.main import main
ui.state_folder = lambda: Path(sys.argv[1])
ui.CHECKOUT = Path(sys.argv[1])
main.main(["--pipeline", sys.argv[2], "--json", "ui", "--no-open"])
"""


@pytest.fixture(scope="module")
def address(empty_store, tmp_path_factory):
    """Where the command shows two recorded runs."""
    folder = tmp_path_factory.mktemp("state")
    store = folder / "mlflow.db"
    shutil.copy(empty_store, store)
    for number in (1, 2):
        write(record(number, files={}), f"sqlite:///{store}")
    argv = [sys.executable, "-c", SCRIPT, str(folder), str(CHECKOUT / "examples" / "flights")]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    yield json.loads(process.stdout.readline())["url"]
    process.send_signal(2)
    process.wait(30)


def test_the_runs_of_the_pipeline_are_listed_each_with_its_trials_inside(address, tmp_path):
    with headless_browser.running(tmp_path / "profile") as browser:
        page = browser.new_page()
        page.size(1800, 1100)
        page.open(address)
        text = shown(page, "6 matching runs")  # two with two trials each
        assert "registered 1" in text and "registered 2" in text
        assert "trial 1" not in text  # folded below its run
        assert "Training runs of a tidegate pipeline" in text


def shown(page, wanted):
    end = time.monotonic() + SECONDS
    while wanted not in (text := page.evaluate("document.body.innerText") or ""):
        assert time.monotonic() < end, text
        time.sleep(0.2)
    return text
