"""The one number that matters of each state: from a task's answer to a few words.

A state that is not named here is bookkeeping (locks, polls, configurations) and gets no line of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegate_cli.operation_words import operated


@dataclass(frozen=True)
class Told:
    text: str
    verdict: str = "ok"


def number(state: str, answer: Any) -> Told | None:
    """What to print for `state`, or None when a reader would not miss it.

    `answer` is the task's result as the service gave it; a function's own answer stands under `Payload`.
    """
    fact = FACTS.get(state)
    if fact is None:
        return None
    payload = answer.get("Payload", answer) if isinstance(answer, dict) else answer
    told = fact(payload if isinstance(payload, dict) else {})
    return Told(told) if isinstance(told, str) else told


def skipped(state: str, answer: Any) -> dict[str, str]:
    """States that a run does not come to, because an earlier run had the same inputs, and what to say."""
    payload = answer.get("Payload") if isinstance(answer, dict) and state == "BuildTrainingSet" else None
    earlier = payload.get("earlier") if isinstance(payload, dict) else None
    if not earlier:
        return {}
    text = f"same inputs as run {earlier['run']}"
    if earlier["package_arn"]:
        text += f", registered as {earlier['package_arn'].partition('model-package/')[2]}"
    states = ("TuneModel", "TrainModel") if earlier["model_uri"] else ("TuneModel",)
    return dict.fromkeys(states, text)


def _count(amount: float, noun: str, plural: str = "") -> str:
    return f"{amount:,.0f} {noun if amount == 1 else plural or noun + 's'}"


def _judged(verdict: dict[str, Any]) -> Told:
    passed = verdict["checks"] - verdict["checks_failed"]
    text = f"{passed} of {_count(verdict['checks'], 'check')} over {_count(verdict['rows'], 'row')}"
    return Told(text, {"accept": "ok", "warn": "warn"}.get(verdict["status"], verdict["status"]))


def _recorded(version: dict[str, Any]) -> str:
    return f"dataset {version['dataset']} {version['version'][:8]}, {_count(version['total_rows'], 'row')}"


def _tuned(tuning: dict[str, Any]) -> str:
    counters = tuning.get("TrainingJobStatusCounters", {})
    best = (
        tuning.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")
    )
    stopped = counters.get("Stopped", 0)
    failed = counters.get("NonRetryableError", 0) + counters.get("RetryableError", 0)
    told = [_count(counters.get("Completed", 0) + stopped, "trial")]
    told += [f"{stopped} stopped early"] if stopped else []
    told += [f"{failed} failed"] if failed else []
    return ", ".join([*told, *([] if best is None else [f"best {best:.4f}"])])


def _trained(job: dict[str, Any]) -> str:
    scores = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", [])}
    score = scores.get("validation:score")
    spread = scores.get("validation:score_std", 0.0)
    return "" if score is None else f"cross-validated {score:.4f} +/- {spread:.4f}"


def _judgement(judgement: dict[str, Any]) -> Told:
    verdict = {"advance": "ok", "wait": "wait", "hold": "hold", "roll-back": "rejected"}[
        judgement["decision"]
    ]
    errors, requests = judgement["candidate_errors"], judgement["candidate_requests"]
    told = f"candidate: {errors:.0f} errors of {_count(requests, 'request')}"
    needed = judgement.get("needed")
    return Told(f"{told}, evidence {judgement['evidence']:.2g} of {needed:.0f}" if needed else told, verdict)


def _mirrored(answer: dict[str, Any]) -> Told:
    report = answer["report"]
    if not report["rows"]:
        return Told("no captured request to copy", "skipped")
    apart = report["median_difference"]
    differ = "" if apart is None else f", half of the answers differ by {apart:.3g} or less"
    return Told(f"{_count(report['rows'], 'copied row')}{differ}")


def _locked(lock: dict[str, Any]) -> Told:
    return Told(f"run {lock['run']}") if lock["acquired"] else Told(lock["reason"], "skipped")


def _window(window: dict[str, Any]) -> Told:
    return Told(_count(window["records"], "captured record"), "ok" if window["ready"] else "waits")


def _features_planned(plan: dict[str, Any]) -> Told:
    if not plan["batches"]:
        return Told(f"features {plan['feature_hash'][:8]}: nothing new to compute")
    shares = "one job" if plan["engine"] == "job" else _count(len(plan["batches"]), "batch", "batches")
    told = f"features {plan['feature_hash'][:8]}, {_count(plan['ticks'], 'tick')} in {shares}"
    if plan["future_rows"]:
        return Told(f"{told}; {_count(plan['future_rows'], 'row')} from the future wait", "warn")
    return Told(told)


def _features_recorded(recorded: dict[str, Any]) -> Told:
    online = _count(recorded["online_rows"], "entity", "entities")
    told = f"{_count(recorded['rows'], 'row')}, {online} online"
    odd = [
        f"{_count(recorded[name], 'source row')} {what}"
        for name, what in (("without_key", "without a key left out"), ("known_early", "known too early"))
        if recorded[name]
    ]
    return Told("; ".join([told, *odd]), "warn" if odd else "ok")


def _features_retired(retired: dict[str, Any]) -> Told | None:
    versions = retired["versions"]
    return Told(f"{', '.join(versions)}: {_count(retired['rows'], 'row')} removed") if versions else None


def _skew(skew: dict[str, Any]) -> Told:
    compared = _count(skew["rows"], "vector")
    if not skew["feature"]:
        return Told(f"{compared} compared, none differs" if skew["rows"] else "no vector could be compared")
    return Told(f"`{skew['feature']}` differs in {skew['maximum']:.1%} of {compared}", "skew")


def _quality(quality: dict[str, Any]) -> Told:
    counted = _count(quality["rows"], "labelled prediction")
    if quality["status"] == "insufficient":
        return Told(f"{counted}: too few to tell")
    told = f"{quality['value']:.4f} [{quality['low']:.4f}, {quality['high']:.4f}] of {counted}"
    told += f", promised {quality['promised']:.4f}"
    return Told(told, "ok" if quality["status"] == "kept" else quality["status"])


FACTS: dict[str, Callable[[dict[str, Any]], Told | str | None]] = {
    "PlanShards": lambda plan: f"{_count(len(plan['shards']), 'shard')} of {plan['format']}",
    "ValidateShard": lambda report: _count(report["rows"], "row"),
    "JudgeDrop": _judged,
    "RecordDatasetVersion": _recorded,
    "QuarantineDrop": lambda answer: Told(f"reasons in {answer['report_key']}", "quarantine"),
    "PlanFeatures": _features_planned,
    "ComputeFeatures": lambda rows: _count(rows["rows"], "row"),
    "ComputeFeaturesJob": lambda job: "",
    "RecordFeatures": _features_recorded,
    "RetireFeatures": _features_retired,
    "AcquireTrainingLock": _locked,
    "BuildTrainingSet": lambda s: (
        f"{_count(s['rows'], 'row')} to train, {_count(s['test_rows'], 'row')} to test"
    ),
    "TuneModel": _tuned,
    "SelectTrial": lambda trial: trial["reason"],
    "TrainModel": _trained,
    "EvaluateCandidate": lambda job: "",
    "RegisterCandidate": lambda answer: (
        answer["ModelPackageArn"].rsplit(":", 1)[-1].removeprefix("model-package/")
    ),
    "PublishRejection": lambda answer: Told("the champion stays", "rejected"),
    "PreflightCandidate": lambda plan: f"version {plan['model_version']} as {plan['candidate_variant']}",
    "CheckCandidate": lambda answer: "golden rows answered",
    "MirrorTraffic": _mirrored,
    "AwaitApproval": lambda answer: "approved",
    "ShiftTraffic": lambda answer: "",
    "JudgeRollout": _judgement,
    "RecordChampion": lambda answer: "",
    "ReturnTraffic": lambda answer: Told("champion has all traffic again", "rolled back"),
    "PlanWindow": _window,
    "MeasureSkew": _skew,
    "MeasureQuality": _quality,
    "MeasureOperations": operated,
    "MeasureWindow": lambda job: "",
    "PublishMetrics": lambda answer: "",
}
