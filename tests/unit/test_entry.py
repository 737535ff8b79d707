"""What a failed job leaves behind: the two files that SageMaker reads, within its limits."""

import pytest

from tidegate.errors import LeakDetectedError
from training_jobs import entry
from training_jobs.paths import Paths

LONG = "é" * 3000  # two bytes each in UTF-8


@pytest.fixture
def paths(tmp_path):
    return Paths(tmp_path)


def test_both_files_begin_with_the_errors_name_and_hold_its_words(paths, capsys):
    error = LeakDetectedError("target leak in `x`", cause="AUC 1")
    assert entry._fail(paths, error, str(error)) == 1
    said = "LeakDetectedError: target leak in `x`\n  cause: AUC 1"
    assert paths.failure.read_text() == said
    assert paths.message.read_text() == said
    assert capsys.readouterr().err == "error: target leak in `x`\n  cause: AUC 1\n"


def test_no_file_is_longer_than_sagemaker_reads_and_no_letter_is_cut(paths):
    entry._fail(paths, ValueError(), LONG)
    assert paths.failure.read_text(encoding="utf-8") == "ValueError: " + "é" * (1024 - 12)
    message = paths.message.read_bytes()
    assert len(message) == 12 + 2 * 506  # of 1024 bytes 12 are the name's; 506 letters fit the rest
    assert message.decode() == "ValueError: " + "é" * 506


def test_a_disk_that_takes_no_file_does_not_hide_what_went_wrong(paths, capsys):
    (paths.root / "output").write_text("a file where the folder should be")
    assert entry._fail(paths, OSError(28, "No space left on device"), "No space left on device") == 1
    assert "No space left on device" in capsys.readouterr().err


def test_a_model_is_whole_or_not_there_when_the_job_is_stopped(paths):
    from training_jobs.final_model import _whole

    def stopped():
        with _whole(paths) as folder:
            (folder / "model.skops").write_bytes(b"half")
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        stopped()
    assert not paths.model.exists() and list(paths.root.iterdir()) == []
    with _whole(paths) as folder:
        for name in ("manifest.json", "model.skops"):
            (folder / name).write_bytes(b"whole")
    assert {path.name for path in paths.model.iterdir()} == {"manifest.json", "model.skops"}
    assert list(paths.root.iterdir()) == [paths.model]
