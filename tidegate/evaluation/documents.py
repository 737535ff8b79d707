"""An evaluation as JSON: what a state machine reads whole, and all the rest beside it."""

from typing import Any

from tidegate.evaluation.evaluation import Costed, Evaluation, Scored
from tidegate.training import gate

_NAMED = 50  # features in evaluation.json; all are in the details


def small_and_details(found: Evaluation) -> tuple[dict[str, Any], dict[str, Any]]:
    """evaluation.json, which a state machine reads whole, and the details beside it."""
    subject = found.subject
    champion = None if found.champion is None else _of_model(found.champion)
    weak = [each.feature for each in subject.features if each.is_no_better_than_its_shadow]
    worst = found.slices[0].to_json() if found.slices else None
    small = {
        "metric": subject.scorer.name,
        "task": subject.task,
        "rows": int(subject.labels.shape[0]),
        "days": found.days,
        "candidate": _of_model(found.candidate),
        "champion": champion,
        "baselines": {
            name: {"metric": each.metric.to_json(), "gain": each.gain and each.gain.to_json()}
            for name, each in found.baselines.items()
        },
        "without_aggregates": gate.known(found.without_aggregates),
        "worst_slice": worst,
        "fairness": None
        if found.fairness is None
        else {
            "column": found.fairness.column,
            "demographic_parity": found.fairness.demographic_parity,
            "equalized_odds": found.fairness.equalized_odds,
        },
        "costs": None if found.costs is None else _of_costs(found.costs),
        "features_no_better_than_shadow": weak[:_NAMED],
        "model_mebibytes": subject.mebibytes,
        "latency_ms": None if subject.p99_ms is None else {"p50": subject.p50_ms, "p99": subject.p99_ms},
        "gate": found.gate.to_json(),
    }
    details = {
        "reliability": {
            name: None if each is None or each.reliability is None else each.reliability.to_json()
            for name, each in (("candidate", found.candidate), ("champion", found.champion))
        },
        "slices": [each.to_json() for each in found.slices],
        "fairness": None if found.fairness is None else found.fairness.to_json(),
        "features": [each.to_json() for each in subject.features],
        "cost_curve": [] if found.costs is None else [list(point) for point in found.costs.curve],
    }
    return small, details


def _of_model(scored: Scored) -> dict[str, Any]:
    error = None if scored.reliability is None else scored.reliability.error.to_json()
    return {
        "run": scored.run,
        "metric": gate.known(scored.metric.value),
        "interval": scored.metric.to_json(),
        "expected_calibration_error": error,
    }


def _of_costs(found: Costed) -> dict[str, Any]:
    return {
        "threshold": found.threshold,
        "candidate": found.candidate.to_json(),
        "champion": found.champion and found.champion.to_json(),
        "saved": found.saved and found.saved.to_json(),
        "one_answer": found.one_answer,
        "mcnemar": found.mcnemar and found.mcnemar.to_json(),
    }
