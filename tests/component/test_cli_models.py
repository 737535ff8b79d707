"""`tidegate models` as it is typed, on the local cloud's own registry."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

from dataclasses import replace

import pytest
from registry_account import registry, typed  # noqa: F401
from sagemaker_cloud import wait_for

from tidegate_cli import approval
from tidegate_cli.failure import CommandError
from tidegate_cli.model import Champion
from tidegate_cli.registered import Registered


def version(arn):
    return arn.rpartition("/")[2]


def test_the_list_has_the_metric_with_its_interval_the_approval_and_who_serves(registry, typed):
    champion = registry.register(approval="Approved", metric=0.71)
    waiting = registry.register(metric=0.69)
    registry.crown(champion)
    newest, older = typed("models", "list", "--json", "--limit", "2").json["models"]
    assert (newest["arn"], older["arn"]) == (waiting, champion)
    assert (older["metric_name"], older["metric"], older["low"], older["high"]) == (
        "roc_auc",
        0.71,
        0.7,
        0.72,
    )
    assert (older["live"], older["by"], newest["live"], newest["by"]) == ("champion", "the gate", None, "")
    first, second = typed("models", "list", "--limit", "2").out.splitlines()
    assert "PendingManualApproval" in first and "roc_auc 0.6900 [0.6800, 0.7000]" in first
    assert second.split()[0] == version(champion) and " champion " in second


@pytest.mark.parametrize("name", ["version", "run", "arn", "champion"])
def test_a_model_is_found_by_each_of_its_names(registry, typed, name):
    arn = registry.register(run=f"20130101000000-{name[:4]}", parameters={"max_iter": 40})
    registry.crown(arn)
    called = {
        "version": version(arn),
        "run": f"20130101000000-{name[:4]}",
        "arn": arn,
        "champion": "champion",
    }
    told = typed("models", "show", called[name], "--json").json
    assert told["arn"] == arn
    assert told["manifest"]["parameters"] == {"max_iter": 40}
    assert told["evaluation"]["gate"]["reasons"] == ["pass: better than guessing"]
    assert told["lineage"]["train_snapshot"] == "flights@7"


def test_a_person_reads_reasons_data_and_ids_of_a_model(registry, typed):
    arn = registry.register()
    out = typed("models", "show", version(arn)).out
    for words in (
        "pass: better than guessing",
        "flights@7, 10 rows",
        "max_iter 8",
        "python 3.13.0",
        "training_job",
    ):
        assert words in out


def test_the_page_of_an_evaluation_is_saved_where_it_is_asked_for(registry, typed, tmp_path):
    number, file = str(version(registry.register())), tmp_path / "page.html"
    done = typed("models", "show", number, "-o", str(file))
    assert done.code == 2 and f"error: version {number} has no page of its evaluation" in done.err
    run = typed("models", "show", number, "--json").json["run"]
    registry.put(f"evaluations/{run}/evaluation.html", b"<p>passed")
    done = typed("models", "show", number, "-o", str(file))
    assert (done.code, file.read_bytes()) == (0, b"<p>passed")
    assert done.out.endswith(f"report      {file}\n")


@pytest.mark.parametrize("name", ["9999", "20990101000000-ffff", "arn:aws:sagemaker:::model-package/x/1"])
def test_a_model_that_is_not_there_is_an_error_that_helps(registry, typed, name):
    done = typed("models", "show", name)
    assert (done.code, done.out) == (2, "")
    assert f"error: there is no model `{name}`" in done.err and "hint:" in done.err


def test_an_approval_starts_the_rollout_by_the_registrys_event_and_keeps_reason_and_name(registry, typed):
    registry.crown(None)
    arn = registry.register()
    done = typed("models", "approve", version(arn), "--reason", "checked by hand", "--json", "--follow")
    assert (done.code, done.json["verdict"]) == (0, "promoted")
    assert registry.rollouts()[-1] == arn
    described = registry.describe(arn)
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == (
        "Approved",
        "checked by hand",
    )
    assert described["CustomerMetadataProperties"]["decided_by"].startswith("arn:aws:")
    assert described["CustomerMetadataProperties"]["run"]  # what was there stays
    assert "is rolled out as the first model" in done.err


def test_what_serves_is_not_approved_again(registry, typed):
    arn = registry.register(approval="Approved")
    registry.crown(arn)
    wait_for(lambda: arn in registry.rollouts())  # that of its registration, which comes by an event
    done = typed("models", "approve", "champion", "--reason", "again")
    assert done.code == 2 and f"error: version {version(arn)} serves already" in done.err
    assert registry.rollouts().count(arn) == 1


def test_a_rejection_keeps_its_reason_starts_nothing_and_is_told_before_an_approval(registry, typed):
    registry.crown(registry.register(approval="Approved"))
    arn = registry.register()
    done = typed("models", "reject", version(arn), "--reason", "worse for\nshort flights", "--json")
    assert (done.code, done.json["verdict"]) == (0, "rejected")
    assert registry.describe(arn)["ApprovalDescription"] == "worse for short flights"
    assert arn not in registry.rollouts()
    done = typed("models", "approve", version(arn), "--reason", "after all")
    assert "was rejected: worse for short flights; approved now, it is rolled out as a candidate" in done.err
    assert registry.rollouts()[-1] == arn


def test_the_champion_cannot_be_rejected_from_under_its_traffic(registry, typed):
    arn = registry.register(approval="Approved")
    registry.crown(arn)
    done = typed("models", "reject", version(arn), "--reason", "bad")
    assert done.code == 2 and "tidegate rollback" in done.err
    assert registry.describe(arn)["ModelApprovalStatus"] == "Approved"


def test_a_reason_is_wanted(registry, typed):
    arn = registry.register()
    done = typed("models", "approve", version(arn), "--reason", " ")
    assert done.code == 2 and "error: a reason has 1 to 1024 characters" in done.err
    assert registry.describe(arn)["ModelApprovalStatus"] == "PendingManualApproval"


def test_two_models_are_compared_by_scores_parameters_data_and_libraries(registry, typed):
    a = registry.register(metric=0.70)
    b = registry.register(
        metric=0.72, parameters={"max_iter": 40}, rows=20, snapshot="flights@8", libraries={"numpy": "2.4.0"}
    )
    done = typed("models", "diff", version(a), version(b), "--json")
    told = done.json
    assert (done.code, told["equal"], told["same_test_rows"]) == (1, False, False)
    assert told["parameters"] == {"max_iter": [8, 40]}
    assert (told["data"]["rows"], told["data"]["snapshot"]) == ([10, 20], ["flights@7", "flights@8"])
    assert told["versions"] == {"numpy": ["2.3.0", "2.4.0"]}
    assert told["scores"]["roc_auc"][1] == {"value": 0.72, "low": 0.71, "high": 0.73}
    assert "manifest.json" in told["artefact"] and "model.skops" not in told["artefact"]
    assert not told["features"]["views"]
    out = typed("models", "diff", version(a), version(b)).out
    assert "metric      roc_auc: 0.7000 [0.6900, 0.7100] -> 0.7200 [0.7100, 0.7300]" in out
    assert "on other test rows" in out and "versions    numpy: 2.3.0 -> 2.4.0" in out


def test_a_model_equals_itself(registry, typed):
    arn = registry.register()
    done = typed("models", "diff", version(arn), arn)
    assert (done.code, done.out.splitlines()[-1]) == (0, "equal")


CANDIDATE = Registered(
    version=3, arn="arn", run="r", approval="Approved", reason="", by="", decided_at="", created="",
    metric_name="", metric=None, low=None, high=None, live="candidate 20%", described={},
)  # fmt: skip
CHAMPION = Champion(version=2, variant="variant-a", model_package_arn="other", since="2013")


def test_a_candidate_in_its_rollout_is_neither_approved_nor_rejected():
    with pytest.raises(CommandError, match="version 3 is being rolled out already"):
        approval.consequence(CANDIDATE, CHAMPION)
    with pytest.raises(CommandError, match="version 3 takes traffic"):
        approval.check_rejection(CANDIDATE)


def test_a_superseded_model_is_said_to_be_rolled_out_again():
    told = approval.consequence(replace(CANDIDATE, live=None), CHAMPION)
    assert told == (
        "version 3 was approved before and serves no more; "
        "it is rolled out again, as a candidate against version 2"
    )
