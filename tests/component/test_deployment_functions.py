"""What a rollout asks of functions: preflight, golden rows, judgement; on moto and a real HTTP endpoint."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import hashlib
import json
import sys
import tarfile
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber
from served_model import archived, write_artefact
from serving_account import VERSIONS, account, call, model, other_features, plan  # noqa: F401
from signed_archive import FILES, manifest_of, pack, sign

from tidegate.aws import feature_sets, outcome_losses
from tidegate.aws.state import State
from tidegate.errors import CandidateUnhealthyError, PreflightFailedError
from tidegate.messages.deployment import RolloutPlan, RolloutStep
from tidegate.rollout.weights import instances, returned

GOLDEN = [
    {"instance": {"hour": hour, "carrier": "UA", "views": {}}, "answer": {"probability": hour / 24}}
    for hour in (0, 6, 12, 18)
]


def now():
    """As a state machine tells it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# --- PreflightCandidate


@pytest.fixture
def preflight(call, account):
    """Preflight of a package, the deployed features computed."""
    account.put_feature_set()
    return lambda arn: call("preflight_candidate", {"model_package_arn": arn, "now": now()})


def test_the_first_model_comes_into_variant_a_alone(preflight, account):
    arn = account.register()
    planned = preflight(arn)
    RolloutPlan.from_json(planned)
    assert planned["model_package_arn"] == arn and planned["model_version"] == 1
    assert planned["candidate_variant"] == "variant-a"
    assert {planned[f"champion_{what}"] for what in ("variant", "model_name", "config_name")} == {None}
    assert planned["config_name"] == planned["model_name"]
    assert planned["model_name"].startswith(f"{account.prefix}-v1-")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(planned["started"])) < timedelta(minutes=1)


def test_the_steps_are_those_of_the_configuration(preflight, account):
    steps = preflight(account.register())["steps"]
    assert steps == [
        {"weight": 0.2, "bake_seconds": 3, "minimum_requests": 20, "hold_hours": 0, "minimum_outcomes": 0},
        {"weight": 1.0, "bake_seconds": 2, "minimum_requests": 20, "hold_hours": 0, "minimum_outcomes": 0},
    ]


@pytest.mark.parametrize(
    ("counts", "least", "wanted"),
    [
        ({"variant-a": 3}, 1, 3),  # it is to take what three instances carry
        ({"variant-a": 1}, 2, 2),
        ({"variant-a": 2, "variant-b": 5}, 1, 2),  # of one that was taken back
        ({}, 2, 2),
    ],
)
def test_a_candidate_begins_as_large_as_the_champion_is_now(counts, least, wanted):
    variants = [{"VariantName": name, "DesiredInstanceCount": count} for name, count in counts.items()]
    assert instances({"ProductionVariants": variants}, "variant-a", least) == wanted


def test_the_plan_tells_how_many_instances_the_candidate_begins_with(preflight, account):
    account.put_champion()
    account.serve()
    assert preflight(account.register())["candidate_instances"] == 1
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=account.endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "variant-a", "DesiredInstanceCount": 3}],
    )
    assert preflight(account.register())["candidate_instances"] == 3


@pytest.mark.parametrize(("champion", "candidate"), [("variant-a", "variant-b"), ("variant-b", "variant-a")])
def test_the_candidate_takes_the_variant_that_the_champion_leaves_free(
    preflight, account, champion, candidate
):
    account.put_champion(variant=champion, model_name="m-1")
    config = account.serve()
    planned = preflight(account.register())
    assert (planned["champion_variant"], planned["candidate_variant"]) == (champion, candidate)
    assert (planned["champion_model_name"], planned["champion_config_name"]) == ("m-1", config)
    names = {planned["config_name"], planned["final_config_name"], config}
    assert len(names) == 3


def test_a_champion_whose_endpoint_is_gone_is_none(preflight, account):
    account.put_champion(variant="variant-a")
    planned = preflight(account.register())
    assert (planned["champion_variant"], planned["candidate_variant"]) == (None, "variant-a")


def test_which_model_a_variant_will_hold_is_written_down_for_answers(preflight, account):
    arn = account.register(run="run-9")
    planned = preflight(arn)
    item = account.state_item(f"variant#{planned['candidate_variant']}")
    assert item["run"] == {"S": "run-9"}
    assert item["model_version"] == {"N": "1"}
    assert item["model_package_arn"] == {"S": arn}
    assert item["feature_set_hash"] == {"S": plan().features.hash}
    assert State(account.dynamodb, account.state).live_feature_sets() == (plan().features.hash,)


def test_what_predict_can_answer_from_is_kept_under_its_sha256_and_written_down(preflight, account, tmp_path):
    folder = write_artefact(tmp_path / "artefact")
    signature = sign(account.kms, account.key, (folder / "manifest.json").read_bytes())
    (folder / "manifest.sig.json").write_bytes(signature)
    arn = account.register(archive=archived(folder))
    item = account.state_item(f"variant#{preflight(arn)['candidate_variant']}")
    sha256 = item["fallback"]["S"]
    kept = account.s3.get_object(Bucket=account.lake, Key=f"fallbacks/{sha256}.json")["Body"].read()
    assert hashlib.sha256(kept).hexdigest() == sha256
    assert json.loads(kept)["run"] == "run-7"


def test_a_model_without_a_fallback_is_rolled_out_all_the_same(preflight, account):
    item = account.state_item(f"variant#{preflight(account.register())['candidate_variant']}")
    assert "fallback" not in item


def test_live_feature_sets_are_those_of_both_variants_once_each(account):
    state = State(account.dynamodb, account.state)
    assert state.live_feature_sets() == ()
    account.put_state("variant#variant-a", run="of a time before feature sets were recorded")
    assert state.live_feature_sets() == ()
    for variant, hash_ in (("variant-a", "f" * 64), ("variant-b", "a" * 64)):
        state.record_variant(variant, version=1, arn="arn", run="run", feature_set=hash_)
    assert state.live_feature_sets() == ("a" * 64, "f" * 64)
    state.record_variant("variant-b", version=2, arn="arn", run="run", feature_set="f" * 64)
    assert state.live_feature_sets() == ("f" * 64,)


@pytest.mark.parametrize("approval", ["Rejected", "PendingManualApproval"])
def test_refuses_a_package_that_is_not_approved(preflight, account, approval):
    with pytest.raises(PreflightFailedError, match=f"its approval is {approval}"):
        preflight(account.register(approval=approval))


def test_refuses_the_champion_itself(preflight, account):
    arn = account.register()
    account.put_champion(arn)
    account.serve()
    with pytest.raises(PreflightFailedError, match="it is the champion already"):
        preflight(arn)


def test_a_model_of_other_features_than_the_deployed_passes_once_they_are_computed(preflight, account):
    others = other_features()
    arn = account.register(feature_set_hash=account.put_feature_set(others))
    variant = preflight(arn)["candidate_variant"]
    assert account.state_item(f"variant#{variant}")["feature_set_hash"] == {"S": others.hash}


def test_refuses_a_model_whose_features_nobody_knows(preflight, account):
    with pytest.raises(PreflightFailedError, match=f"nobody knows what its features {'f' * 16} are"):
        preflight(account.register(feature_set_hash="f" * 64))
    with pytest.raises(PreflightFailedError, match=r"features \(none named\)"):
        preflight(account.register(feature_set_hash=None))


def test_refuses_a_model_whose_view_was_never_computed_and_says_how_to(preflight, account):
    others = other_features()
    feature_sets.put(account.s3, account.lake, others)
    with pytest.raises(PreflightFailedError) as refused:
        preflight(account.register(feature_set_hash=others.hash))
    assert refused.value.cause == "carrier_delay@cccccccccccccccc was never computed: coverage 0 %"
    assert "`tidegate features backfill`" in refused.value.hint
    assert account.state_item("variant#variant-a") is None  # nobody looks up what is not served


# --- signatures


def forged(account, how):
    """An artefact of the deployed features, and a forger's work on it."""
    good = manifest_of(FILES, feature_hash=plan().features.hash)
    bad = {**FILES, "model.skops": b"other weights"}
    consistent = manifest_of(bad, feature_hash=plan().features.hash)
    signature = sign(account.kms, account.key, good)
    other = account.new_key()
    link = tarfile.TarInfo("model.skops")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return {
        "changed file": {**bad, "manifest.json": good, "manifest.sig.json": signature},
        "consistent manifest": {**bad, "manifest.json": consistent, "manifest.sig.json": signature},
        "no signature": {**FILES, "manifest.json": good},
        "another key": {**FILES, "manifest.json": good, "manifest.sig.json": sign(account.kms, other, good)},
        "another key in our name": {
            **bad,
            "manifest.json": consistent,
            "manifest.sig.json": sign(account.kms, other, consistent, named=account.key),
        },
        "unreadable signature": {**FILES, "manifest.json": good, "manifest.sig.json": b"signed, me"},
        "a file more": {
            **FILES,
            "sitecustomize.py": b"x",
            "manifest.json": good,
            "manifest.sig.json": signature,
        },
        "a file less": {"model.skops": b"weights", "manifest.json": good, "manifest.sig.json": signature},
        "a file twice": [
            *FILES.items(),
            ("model.skops", b"other weights"),
            ("manifest.json", good),
            ("manifest.sig.json", signature),
        ],
        "a link": [
            ("model.skops", link),
            *((name, body) for name, body in FILES.items() if name != "model.skops"),
            ("manifest.json", good),
            ("manifest.sig.json", signature),
        ],
        "no manifest": FILES,
    }[how]


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("changed file", "the artefact was changed: other bytes than in its manifest: model.skops"),
        ("consistent manifest", "the artefact's signature is of another manifest"),
        ("no signature", "the artefact is not signed: it has no manifest.sig.json"),
        ("another key", "the artefact was signed with another key"),
        ("another key in our name", "the artefact's signature is of another manifest"),
        ("unreadable signature", "the artefact's signature cannot be read"),
        ("a file more", "other bytes than in its manifest: sitecustomize.py"),
        ("a file less", "other bytes than in its manifest: features.py, signature.json"),
        ("a file twice", "not a folder of plain files: its member 'model.skops'"),
        ("a link", "not a folder of plain files: its member 'model.skops'"),
        ("no manifest", "the artefact is incomplete: manifest.json"),
    ],
)
def test_refuses_a_forged_artefact_and_says_what_is_wrong_with_it(preflight, account, how, cause):
    with pytest.raises(PreflightFailedError) as refused:
        preflight(account.register(archive=pack(forged(account, how))))
    assert refused.value.what == "model package 1 cannot be served"
    assert cause in refused.value.cause
    assert account.state_item("variant#variant-a") is None  # no rollout was planned


def test_refuses_an_artefact_that_is_no_archive(preflight, account):
    for archive in (b"", b"artefact", account.archive(plan().features.hash)[:-200]):
        with pytest.raises(PreflightFailedError, match="cannot be served") as refused:
            preflight(account.register(archive=archive))
        assert "artefact" in refused.value.cause


def test_refuses_an_artefact_of_other_features_than_it_is_registered_with(preflight, account):
    with pytest.raises(PreflightFailedError) as refused:
        preflight(account.register(archive=account.archive("a" * 64)))
    assert f"its artefact has {'a' * 16}" in refused.value.cause


def test_the_plan_names_the_manifest_that_was_verified(preflight, account):
    planned = preflight(account.register())
    manifest = manifest_of(FILES, feature_hash=plan().features.hash)
    assert planned["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()


def test_a_pipeline_that_does_not_sign_takes_what_is_whole_and_nothing_else(preflight, account):
    account.environment["SIGNING_KEY_ARN"] = ""
    assert (
        len(preflight(account.register(archive=pack(forged(account, "no signature"))))["manifest_sha256"])
        == 64
    )
    with pytest.raises(PreflightFailedError, match="cannot be served"):
        preflight(account.register(archive=pack(forged(account, "changed file"))))


DAY = 86_400
NEWEST = 1_362_096_000  # of the views as recorded


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"coverage": 0.99}, None),
        ({"coverage": 0.98}, "has a coverage of 98.0%, below 99% of its active entities"),
        ({"recorded_at": 13.9}, None),
        ({"recorded_at": 14.1}, "nothing of it was recorded for 338.4 hours; its TTL is 336.0 hours"),
        ({"computed_to": NEWEST - 14 * DAY}, None),
        (
            {"computed_to": NEWEST - 15 * DAY},
            "ends 360.0 hours before the newest view; its TTL is 336.0 hours",
        ),
    ],
)
def test_a_view_must_be_covered_and_no_older_than_its_ttl(preflight, account, changes, cause):
    if "recorded_at" in changes:  # days ago
        then = datetime.now(UTC) - timedelta(days=changes["recorded_at"])
        changes = {"recorded_at": then.isoformat()}
    account.put_view(VERSIONS["origin_delay"], **changes)
    arn = account.register()
    if cause is None:
        assert preflight(arn)["model_package_arn"] == arn
        return
    with pytest.raises(PreflightFailedError) as refused:
        preflight(arn)
    assert refused.value.cause.startswith(VERSIONS["origin_delay"]) and cause in refused.value.cause
    assert VERSIONS["carrier_delay"] not in refused.value.cause


def test_half_a_backfill_is_behind_the_deployed_views_and_refused(preflight, account):
    others = other_features()
    arn = account.register(feature_set_hash=account.put_feature_set(others))
    account.put_view("carrier_delay@cccccccccccccccc", computed_to=NEWEST - 30 * DAY)
    with pytest.raises(PreflightFailedError, match=r"ends 720\.0 hours before the newest view"):
        preflight(arn)


def test_refuses_a_model_whose_artefact_is_gone(preflight, account):
    with pytest.raises(PreflightFailedError, match=r"models/gone.tar.gz"):
        preflight(account.register(model_key="models/gone.tar.gz"))


@pytest.mark.parametrize("status", ["Updating", "Failed", "RollingBack"])
def test_refuses_while_the_endpoint_cannot_be_changed(load, context, account, status):
    account.put_champion()
    account.serve()
    account.put_feature_set()
    handler = load("functions.preflight_candidate.handler", **account.environment)
    # an endpoint of moto is InService at once and stays so
    sys.modules["functions.preflight_candidate"].sagemaker.meta.events.register(
        "after-call.sagemaker.DescribeEndpoint", lambda parsed, **_: parsed.update(EndpointStatus=status)
    )
    with pytest.raises(PreflightFailedError, match=f"is {status}"):
        handler({"model_package_arn": account.register(), "now": now()}, context)


def test_refuses_to_start_while_an_alarm_of_a_variant_rings(preflight, account):
    account.put_champion()
    account.serve()
    arn = account.register()
    ring(account, "variant-a-errors")
    with pytest.raises(PreflightFailedError, match=f"alarm {account.prefix}-variant-a-errors rings"):
        preflight(arn)
    assert account.state_item("variant#variant-b") is None


def test_the_plan_knows_the_champion_that_a_rollback_would_restore(preflight, account):
    account.put_champion(variant="variant-a", model_name="m-1")
    account.serve()
    planned = preflight(account.register())
    assert planned["champion_package_arn"].endswith("model-package/g/1")
    assert (planned["champion_version"], planned["champion_since"]) == (1, "2026-01-01T00:00:00.000Z")


def test_refuses_an_endpoint_that_serves_what_nobody_is_champion_of(preflight, account):
    config = account.serve()
    with pytest.raises(PreflightFailedError, match=f"serves `{config}`"):
        preflight(account.register())


# --- CheckCandidate


@pytest.fixture
def check(call, account, model):
    """Check the candidate of a rollout whose golden rows lie in the lake."""

    def checked(champion="variant-a"):
        arn = account.register(run="run-3")
        body = json.dumps({"rows": GOLDEN}).encode()
        account.s3.put_object(Bucket=account.lake, Key="evaluations/run-3/golden.json", Body=body)
        return call("check_candidate", {"plan": rollout(arn, champion=champion)})

    return checked


def rollout(arn="arn", *, champion="variant-a", ago_seconds=90, steps=((0.2, 20), (1.0, 20))):
    return RolloutPlan(
        model_package_arn=arn,
        model_version=2,
        model_name="m-2",
        config_name="c-2",
        final_config_name="c-2-final",
        candidate_variant="variant-b",
        champion_variant=champion,
        champion_model_name="m-1",
        champion_config_name="c-1",
        manifest_sha256="0" * 64,
        started=(datetime.now(UTC) - timedelta(seconds=ago_seconds)).isoformat(),
        steps=tuple(RolloutStep(weight=w, bake_seconds=1, minimum_requests=n) for w, n in steps),
    ).to_json()


def probabilities(*values):
    return {"predictions": [{"probability": value} for value in values], "model": "run-3"}


def test_golden_rows_are_asked_of_the_candidate_alone(check, model, account):
    model.answer = lambda rows: (200, probabilities(*(row["hour"] / 24 for row in rows)))
    found = check()
    [(target, inference_id, instances)] = model.requests
    assert target == "variant-b"
    assert inference_id.startswith("golden-") and len(inference_id) <= 64
    assert instances == [row["instance"] for row in GOLDEN]
    assert found == {"rows": 4}


def test_a_last_bit_is_no_difference(check, model):
    model.answer = lambda rows: (200, probabilities(*(row["hour"] / 24 + 1e-12 for row in rows)))
    assert check()["rows"] == 4


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        (probabilities(0, 0.25, 0.5, 0.7501), "1 of 4 answers differ from the evaluation's, one by 0.0001"),
        (
            probabilities(0, 0.25, float("nan"), 0.75),
            "1 of 4 answers differ from the evaluation's, one by inf",
        ),
        (probabilities(float("nan"), 0.25, 0.5, 0.75), "1 of 4 answers"),
        (probabilities(0, 0.25, 0.5, float("inf")), "1 of 4 answers"),
        (probabilities(1, 1, 1, 1), "4 of 4 answers"),
        (probabilities(0, 0.25, 0.5), "3 answers to 4 rows"),
        (probabilities(0, 0.25, 0.5, 0.75, 1), "5 answers to 4 rows"),
        (probabilities(), "0 answers to 4 rows"),
        (probabilities(0, 0.25, None, 0.75), "TypeError"),
        (probabilities(0, 0.25, "half", 0.75), "TypeError"),
        ({"predictions": [0, 0.25, 0.5, 0.75]}, "TypeError"),
        ({"predictions": [{"label": 1}] * 4}, "KeyError: 'probabilities'"),
        ({}, "no answers to 4 rows"),
    ],
)
def test_a_candidate_that_answers_otherwise_than_evaluated_is_unhealthy(check, model, document, cause):
    model.answer = lambda _: (200, document)
    with pytest.raises(CandidateUnhealthyError, match=r"version 2 failed on its golden rows") as refused:
        check()
    assert cause in refused.value.cause


def test_a_candidate_that_does_not_answer_is_unhealthy(check, model):
    model.answer = lambda _: (424, {"Message": "no such feature", "OriginalStatusCode": 500})
    with pytest.raises(CandidateUnhealthyError, match="no such feature"):
        check()


# --- MirrorTraffic


@pytest.fixture
def copy(call, account):
    """Capture requests of the champion, then ask the candidate them."""

    def copied(*answers, ids=None):
        lines = [captured(ids or f"id-{i}", {"hour": i}, answer) for i, answer in enumerate(answers)]
        hour = datetime.now(UTC)
        key = f"captures/{account.endpoint}/variant-a/{hour:%Y/%m/%d/%H}/00-00.jsonl"
        account.s3.put_object(Bucket=account.lake, Key=key, Body="\n".join(lines).encode())
        return call("mirror_traffic", {"plan": rollout(), "now": now()})

    return copied


def captured(inference_id, instance, probability):
    sides = {
        "endpointInput": {"instances": [instance]},
        "endpointOutput": {"predictions": [{"probability": probability}]},
    }
    data = {name: {"data": json.dumps(document), "encoding": "JSON"} for name, document in sides.items()}
    return json.dumps({"captureData": data, "eventMetadata": {"inferenceId": inference_id}})


def test_the_champions_requests_are_asked_of_the_candidate_and_compared_row_by_row(copy, model, account):
    # its answers are 0.1 above: the third crosses one half
    model.answer = lambda rows: (200, probabilities(*(0.1 * row["hour"] + 0.35 for row in rows)))
    account.count("variant-a", "Invocations", 7)
    found = copy(0.25, 0.35, 0.45)
    assert sorted(instances[0]["hour"] for _, _, instances in model.requests) == [0, 1, 2]
    assert {target for target, _, _ in model.requests} == {"variant-b"}
    assert all(id_.startswith("mirror-") and len(id_) <= 64 for _, id_, _ in model.requests)
    report = found["report"]
    assert (report["requests"], report["rows"], report["failed"], report["invalid"]) == (3, 3, 0, 0)
    assert report["flipped"] == 1
    assert report["median_difference"] == pytest.approx(0.1)
    assert [each["requests"] for each in found["counts"]] == [0, 7]


def test_golden_rows_and_copies_are_not_copied_and_no_request_is_no_fault(copy, model):
    assert copy(0.5, ids="golden-1")["report"]["requests"] == 0
    assert copy(0.5, ids="mirror-1")["report"]["rows"] == 0
    assert model.requests == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda rows: (424, {"Message": "broken"}), "of 12 copied requests 12 had no answer"),
        (lambda rows: (200, probabilities(*[float("nan")] * len(rows))), "of 12 answers 12 were none"),
        (lambda rows: (200, probabilities(*[1.5] * len(rows))), "of 12 answers 12 were none"),
        (lambda rows: (200, {"predictions": [{"value": 1.0}] * len(rows)}), "of 12 answers 12 were none"),
        (lambda rows: (200, probabilities()), "of 12 copied requests 12 had no answer"),
    ],
)
def test_a_candidate_that_answers_copies_badly_gets_no_traffic(copy, model, answer, words):
    model.answer = answer
    with pytest.raises(CandidateUnhealthyError, match="failed on copied traffic") as refused:
        copy(*[0.5] * 12)
    assert words in refused.value.cause


# --- JudgeRollout


@pytest.fixture
def judge(call, account):
    """Judge a step; counts are (requests, errors) at its start, of the candidate and the champion."""

    def judged(step=0, candidate=(0, 0), champion=(0, 0), shifted_ago=90, **plan):
        counts = [
            {"variant": "variant-b", "requests": candidate[0], "errors": candidate[1]},
            {"variant": "variant-a", "requests": champion[0], "errors": champion[1]},
        ]
        shifted = datetime.now(UTC) - timedelta(seconds=shifted_ago)
        event = {"plan": rollout(**plan), "step": step, "counts": counts, "shifted": shifted.isoformat()}
        return call("judge_rollout", event | {"now": now()})

    return judged


def test_without_any_traffic_it_waits(judge):
    found = judge()
    assert (found["decision"], found["evidence"]) == ("wait", pytest.approx(1))
    assert found["reason"] == "0 of 20 requests the candidate needs in this step"


def test_enough_good_traffic_advances_and_the_totals_go_on_to_the_next_step(judge, account):
    account.count("variant-b", "Invocations", 25)
    account.count("variant-a", "Invocations", 100)
    account.count("variant-a", "Invocation5XXErrors", 1)
    found = judge()
    assert found["decision"] == "advance"
    assert (found["candidate_requests"], found["champion_requests"], found["champion_errors"]) == (25, 100, 1)
    told = [(each["variant"], each["requests"], each["errors"]) for each in found["totals"]]
    assert told == [("variant-b", 25, 0), ("variant-a", 100, 1)]


def test_only_traffic_since_the_step_began_counts(judge, account):
    account.count("variant-b", "Invocations", 25)
    found = judge(candidate=(10, 0))
    assert (found["decision"], found["candidate_requests"]) == ("wait", 15)


def test_a_failure_is_counted_once_though_two_metrics_tell_it(judge, account):
    account.count("variant-b", "Invocations", 30)
    account.count("variant-b", "Invocation5XXErrors", 15)
    account.count("variant-b", "InvocationModelErrors", 14)
    found = judge()
    assert (found["decision"], found["candidate_errors"]) == ("roll-back", 15)
    assert found["reason"].startswith("15 of 30 requests failed")


def test_minutes_add_up(judge, account):
    now = datetime.now(UTC)
    for minutes in (0, 1, 2):
        account.count("variant-b", "Invocations", 10, now - timedelta(minutes=minutes))
    assert judge(ago_seconds=150, shifted_ago=150)["candidate_requests"] == 30


def test_what_cloudwatch_tells_late_of_the_time_before_the_step_is_not_the_steps(judge, account):
    account.count("variant-b", "Invocations", 200, datetime.now(UTC) - timedelta(minutes=4))  # copies, say
    account.count("variant-b", "Invocations", 5)
    assert judge(ago_seconds=300, shifted_ago=0)["candidate_requests"] == 5
    assert judge(ago_seconds=300, shifted_ago=300)["candidate_requests"] == 205


def test_what_predict_saw_of_a_variant_counts_too(judge, account):
    account.count("variant-b", "Invocations", 40)
    dimensions = [{"Name": "service", "Value": account.prefix}, {"Name": "variant", "Value": "variant-b"}]
    for metric in ("VariantTimeouts", "VariantFallbacks", "VariantInvalidAnswers"):
        datum = {"MetricName": metric, "Value": 3, "Dimensions": dimensions}
        account.cloudwatch.put_metric_data(Namespace="Tidegate", MetricData=[datum])
    counts = {each["name"]: each["candidate"] for each in judge()["guardrails"]}
    assert counts == {"errors": 0, "slow": 0, "timeouts": 3, "fallbacks": 3, "invalid": 3}


def test_a_person_holds_a_rollout_by_an_item_of_the_state_table(judge, account):
    account.count("variant-b", "Invocations", 50)
    account.put_state("rollout#hold", reason="a sale today")
    assert judge()["decision"] == "hold"
    assert judge()["reason"] == "held: a sale today"


def test_a_wrong_split_is_found_in_whole_minutes_of_the_step(judge, account):
    minute = datetime.now(UTC).replace(second=0) - timedelta(minutes=2)
    account.count("variant-b", "Invocations", 300, minute)
    account.count("variant-a", "Invocations", 300, minute)
    found = judge(ago_seconds=600, shifted_ago=500)
    assert found["decision"] == "wait"
    assert found["reason"].startswith("the candidate gets 50.0% of the requests instead of 20.0%")
    recent = judge(ago_seconds=600, shifted_ago=100)  # the minute is not wholly the step's
    assert recent["decision"] != "roll-back" and "instead of" not in recent["reason"]


def test_outcomes_are_joined_with_answers_by_inference_id(account):
    key = f"captures/{account.endpoint}/variant-b/{datetime.now(UTC):%Y/%m/%d/%H}/00-00.jsonl"
    lines = [captured(f"id-{i}", {}, 0.25) for i in range(4)] + [captured("golden-1", {}, 0.9), "no json"]
    account.s3.put_object(Bucket=account.lake, Key=key, Body="\n".join(lines).encode())
    for i, outcome in enumerate(("1", "0", "not a number")):  # of the fourth nothing is known
        record = json.dumps({"groundTruthData": {"data": outcome, "encoding": "CSV"}}).encode()
        account.s3.put_object(Bucket=account.lake, Key=f"ground-truth/id/id-{i}.jsonl", Body=record)
    since = datetime.now(UTC) - timedelta(minutes=5)
    found = outcome_losses.of_variant(
        account.s3, account.lake, f"captures/{account.endpoint}/variant-b/", task="binary", since=since
    )
    # (0.25 - 1)^2 and (0.25 - 0)^2: mean of 0.5625 and 0.0625
    assert (found.count, found.mean) == (2, pytest.approx(0.3125))


# --- RestoreTraffic


def test_a_rollout_that_was_killed_is_undone_step_by_step_each_asked_for_as_often_as_one_likes(call, account):
    account.put_champion(variant="variant-a")
    account.serve(weights={"variant-a": 0.8, "variant-b": 0.2})
    account.put_state("lock#deployment", holder="run-1", model_package_arn="arn:p/2")
    account.put_state("split", candidate="variant-b")

    assert call("restore_traffic", {"rollout": "another"})["do"] == "nothing"  # whose holder runs still
    assert account.weights() == {"variant-a": 0.8, "variant-b": 0.2}

    found = call("restore_traffic", {"rollout": "run-1"})
    assert (found["do"], found["model_package_arn"]) == ("return", "arn:p/2")
    assert account.weights() == {"variant-a": 1, "variant-b": 0}
    assert account.state_item("split") is None

    for _ in range(2):
        found = call("restore_traffic", {"rollout": "run-1"})
        assert (found["do"], found["others"]) == ("isolate", ["variant-b"])
        assert (found["config_name"], found["champion_version"]) == (f"{account.prefix}-config-1", 1)
    assert account.state_item("lock#deployment") is not None  # the machine's to release

    account.sagemaker.delete_endpoint(EndpointName=account.endpoint)
    assert call("restore_traffic", {"rollout": "run-1"})["do"] == "release"


def test_weights_that_somebody_else_is_changing_are_looked_at_again(load, context, account):
    account.put_champion(variant="variant-a")
    account.put_state("lock#deployment", holder="run-1", model_package_arn="arn:p/2")
    handler = load("functions.restore_traffic.handler", **account.environment)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"
    described = {
        "EndpointName": account.endpoint,
        "EndpointArn": arn,
        "EndpointConfigName": "c",
        "EndpointStatus": "InService",
        "ProductionVariants": [
            {"VariantName": "variant-a", "DesiredWeight": 0.5},
            {"VariantName": "variant-b", "DesiredWeight": 0.5},
        ],
        "CreationTime": datetime.now(UTC),
        "LastModifiedTime": datetime.now(UTC),
    }
    with Stubber(sys.modules["functions.restore_traffic"].sagemaker) as sagemaker:  # checks shapes
        sagemaker.add_response("describe_endpoint", described)
        sagemaker.add_client_error(
            "update_endpoint_weights_and_capacities",
            "ValidationException",
            "Cannot update in-progress endpoint",
        )
        found = handler({"rollout": "run-1"}, context)
    assert (found["do"], "in-progress" in found["reason"]) == ("wait", True)


@pytest.mark.parametrize(
    ("weights", "champion", "wanted"),
    [
        ({"variant-a": 0.8, "variant-b": 0.2}, "variant-a", {"variant-a": 1.0, "variant-b": 0.0}),
        ({"variant-a": 0.0, "variant-b": 1.0}, "variant-a", {"variant-a": 1.0, "variant-b": 0.0}),
        ({"variant-a": 0.0, "variant-b": 1.0}, "variant-b", {}),
        ({"variant-a": 1.0}, "variant-a", {}),
        ({"variant-b": 1.0}, "variant-a", {}),  # a champion that is not there cannot be given anything
        ({"variant-a": 0.8, "variant-b": 0.2}, None, {}),
        ({}, "variant-a", {}),
    ],
)
def test_weights_that_leave_the_champion_alone(weights, champion, wanted):
    variants = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()]
    found = returned({"ProductionVariants": variants}, champion)
    assert {each["VariantName"]: each["DesiredWeight"] for each in found} == wanted


def test_the_page_of_a_rollout_and_its_facts_are_kept_however_long_its_history(load, context, account):
    handler = load("functions.report_rollout.handler", **account.environment)
    arn = "arn:aws:states:us-east-1:123456789012:execution:Deployment:run-1"
    event = {"timestamp": datetime.now(UTC), "id": 1}
    entered = event | {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "PreflightCandidate"}}
    output = {"output": json.dumps({"Payload": rollout()}), "resourceType": "lambda", "resource": "invoke"}
    succeeded = event | {"type": "TaskSucceeded", "taskSucceededEventDetails": output}
    with Stubber(sys.modules["functions.report_rollout"].stepfunctions) as states:  # checks shapes
        states.add_response(
            "describe_execution",
            {
                "executionArn": arn,
                "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Deployment",
                "status": "FAILED",
                "startDate": datetime.now(UTC),
                "error": "EndpointNotReady",
                "cause": "endpoint is Failed",
            },
            {"executionArn": arn},
        )
        asked = {"executionArn": arn}
        states.add_response("get_execution_history", {"events": [entered], "nextToken": "more"}, asked)
        states.add_response("get_execution_history", {"events": [succeeded]}, asked | {"nextToken": "more"})
        told = handler({"detail": {"executionArn": arn}}, context)
    assert told == {"report_key": "rollouts/run-1/report.html"}
    kept = account.s3.get_object(Bucket=account.lake, Key=told["report_key"])
    assert kept["ContentType"] == "text/html; charset=utf-8"
    assert "Version 2 was rolled back" in kept["Body"].read().decode()
    facts = account.s3.get_object(Bucket=account.lake, Key="rollouts/run-1/report.json")["Body"].read()
    assert json.loads(facts)["plan"]["model_version"] == 2


def test_the_token_of_a_person_is_kept(call, account):
    call("await_approval", {"token": "t" * 600, "execution": "arn:execution", "model_version": 3})
    item = account.state_item("rollout#approval")
    assert item["token"] == {"S": "t" * 600} and item["model_version"] == {"N": "3"}


def test_traffic_of_an_earlier_rollout_is_not_this_ones(judge, account):
    account.count("variant-b", "Invocations", 500, datetime.now(UTC) - timedelta(minutes=10))
    assert judge()["candidate_requests"] == 0


def test_a_count_that_cloudwatch_does_not_tell_yet_is_not_negative(judge):
    found = judge(candidate=(40, 2), champion=(90, 1))
    assert (found["candidate_requests"], found["candidate_errors"]) == (0, 0)
    assert found["decision"] == "wait"


def test_an_alarm_of_the_candidate_rolls_back_and_one_of_the_champion_does_not(judge, account):
    account.count("variant-b", "Invocations", 50)
    ring(account, "variant-a-errors")
    assert judge()["decision"] == "advance"
    ring(account, "variant-b-latency")
    found = judge()
    assert found["decision"] == "roll-back"
    assert found["reason"] == f"alarm {account.prefix}-variant-b-latency rings"


def test_the_last_step_has_no_champion_beside_it(judge, account):
    account.count("variant-b", "Invocations", 25)
    assert judge(step=1)["decision"] == "advance"


def ring(account, name):
    account.cloudwatch.put_metric_alarm(
        AlarmName=f"{account.prefix}-{name}",
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    account.cloudwatch.set_alarm_state(
        AlarmName=f"{account.prefix}-{name}", StateValue="ALARM", StateReason="a test"
    )
