"""The command as it is typed: nothing here needs a network, and each run is a process of its own."""

import errno
import json
import resource
import subprocess
import sys

import click
import pytest

from tidegate_cli.failure import CommandError
from tidegate_cli.main import VERBS, Verbs, main

HELP_CPU_SECONDS = 0.4  # asserted generously; the aim is 0.15


def failing(error):
    """A group whose verb `status` raises `error`."""

    @click.command("status")
    def command():
        raise error

    class Failing(Verbs):
        def get_command(self, ctx, cmd_name):
            return command

    return Failing("tidegate")


def parsed(*words):
    """What the group makes of the words before the verb sees the rest."""
    context = main.make_context("tidegate", list(words))
    return context.params, [*context._protected_args, *context.args]


def test_the_help_lists_every_verb_and_costs_little():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-m", "tidegate_cli.main", "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"tidegate --help: {seconds:.3f} s of CPU")  # noqa: T201  a figure to read with -s
    verbs = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert {verb for group in VERBS.values() for verb in group} <= verbs
    assert seconds <= HELP_CPU_SECONDS


@pytest.mark.parametrize("verb", [verb for group in VERBS.values() for verb in group])
def test_every_verb_explains_itself_with_an_example(verb):
    command = main.get_command(click.Context(main), verb)
    assert command.name == verb
    assert f"Example: tidegate {verb}" in command.help


def test_without_a_verb_the_help_is_shown_and_nothing_was_done(command):
    done = command()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: tidegate")


def test_a_misspelt_verb_is_answered_with_the_one_meant(command):
    done = command("stauts")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: there is no verb `stauts`\n  hint:  did you mean `status`?\n"


def test_an_error_is_json_on_stdout_when_json_was_asked_for(command):
    done = command("frobnicate", "--json")
    assert (done.code, done.err) == (2, "")
    hint = "tidegate --help lists the verbs"
    error = {"what": "there is no verb `frobnicate`", "cause": "", "hint": hint}
    assert json.loads(done.out) == {"ok": False, "error": error}


@pytest.mark.parametrize(
    "words",
    [
        ["drop"],
        ["drop", "no-such-file.csv"],
        ["status", "--colour"],
        ["logs", "cooking"],
        ["up", "--port", "x"],
    ],
    ids=" ".join,
)
def test_a_wrong_use_could_not_run_and_names_the_help_of_its_verb(command, words):
    done = command(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.endswith(f"  hint:  tidegate {words[0]} --help\n")


def test_a_folder_without_a_pipeline_is_refused_before_anything_starts(command, tmp_path):
    done = command("--pipeline", str(tmp_path), "coverage")
    assert done.code == 2
    assert f"error: `{tmp_path}` is not a pipeline" in done.err


@pytest.mark.parametrize(
    "words, profile, rest",
    [
        (["status"], None, ["status"]),
        (["--aws", "status"], "", ["status"]),
        (["status", "--aws"], "", ["status"]),
        (["--aws", "prod", "status"], "prod", ["status"]),
        (["status", "--aws", "prod"], "prod", ["status"]),
        (["status", "--aws=prod"], "prod", ["status"]),
        (["status", "--aws", "--json"], "", ["status"]),
        (["drop", "--aws", "{file}"], "", ["drop", "{file}"]),
        (["drop", "{file}", "--aws", "prod"], "prod", ["drop", "{file}"]),
        (["rollback", "--yes", "--aws", "prod"], "prod", ["rollback", "--yes"]),
        (["data", "--aws", "log"], "", ["data", "log"]),
        (["data", "log", "--aws", "prod"], "prod", ["data", "log"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_account_is_named_before_or_after_the_verb(tmp_path, words, profile, rest):
    file = tmp_path / "march.csv"
    file.touch()
    options, left = parsed(*(word.format(file=file) for word in words))
    assert options["aws"] == profile
    assert left == [word.format(file=file) for word in rest]


def test_json_and_quiet_may_follow_the_verb():
    options, words = parsed("status", "--json", "-q")
    assert (options["as_json"], options["quiet"], words) == (True, True, ["status"])


@pytest.mark.parametrize(
    "words",
    [
        ["--pipeline", "mine", "--env=prod", "status"],
        ["status", "--pipeline", "mine", "--env", "prod"],
        ["status", "--pipeline=mine", "--env=prod"],
    ],
    ids=" ".join,
)
def test_the_pipeline_is_named_before_or_after_the_verb(words):
    options, left = parsed(*words)
    assert (str(options["pipeline"]), options["environment"], left) == ("mine", "prod", ["status"])


def test_a_request_that_is_no_json_is_told_the_shape_of_one(command, tmp_path):
    (tmp_path / "one.json").write_text("{")
    done = command("predict", str(tmp_path / "one.json"))
    assert done.code == 2 and done.err.splitlines()[0].endswith("one.json` is not JSON")
    assert '{"instances": [...]}' in done.err.splitlines()[2]


def test_a_pipeline_without_its_folder_is_a_wrong_use(command):
    done = command("status", "--pipeline")
    assert done.code == 2 and done.err.startswith("error: ") and "--pipeline" in done.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('pipeline = "x"', "has no name"),
        ("[pipelin]", "has no name"),
        ("[pipeline", "is not TOML"),
    ],
)
def test_a_file_that_names_no_pipeline_is_refused_with_what_is_wrong(command, tmp_path, text, expected):
    (tmp_path / "pipeline.toml").write_text(text)
    done = command("up", "--pipeline", str(tmp_path))
    assert done.code == 2 and f"pipeline.toml` {expected}" in done.err


def test_what_a_verb_could_not_do_is_told_in_three_lines(command):
    done = command("status", group=failing(CommandError("no", cause="because", hint="do so")))
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: no\n  cause: because\n  hint:  do so\n"


def test_an_interrupted_command_ends_as_shells_expect(command):
    assert command("status", group=failing(KeyboardInterrupt())).code == 130


def test_a_folder_that_may_not_be_written_is_told_in_three_lines(command):
    error = PermissionError(errno.EACCES, "Permission denied", "/srv/tidegate/.tidegate")
    done = command("status", group=failing(error))
    assert done.code == 2
    assert done.err.startswith(
        "error: `/srv/tidegate/.tidegate` cannot be used\n  cause: Permission denied\n"
    )


def test_a_fault_of_our_own_keeps_its_trace(command):
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError()).main(["status"])
