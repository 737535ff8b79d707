"""What a measurement says beyond single columns: the contract, columns together, what answers rest on."""

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.monitoring.page.documents import Documents
from tidegate.monitoring.page.told import told
from tidegate.report import words
from tidegate.report.pieces import sentence, table, text

_SHOWN = ("inputs", "domain", "attribution", "weighted_drift", "weighted_drifted_share", "importances")
_ELSEWHERE = ("metrics", "summary", "columns")
_LINES = 50  # of one table
_TOLD_APART = 10  # columns by which requests are told from training rows


def measured(documents: Documents) -> str:
    """A sentence each, then the figures behind it; what is new in the document is shown as it is."""
    found = documents.measurement or {}
    return (
        _inputs(found.get("inputs") or {})
        + _together(found.get("domain") or {})
        + _answers(found.get("attribution") or {})
        + _weights(found)
        + told(found, without=(*_ELSEWHERE, *_SHOWN))
    )


def _inputs(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    outside = found.get("out_of_contract") or {}
    broken = outside.get("rules") or []
    head = f"{outside.get('rows', 0):,} of {found.get('rows', 0):,} requests break a rule of the contract."
    odd = [each for each in found.get("columns") or [] if _is_odd(each)]
    listed = _odd(odd) if odd else "<p>No column has more missing values than in training, or new ones.</p>"
    return (
        f"<h3>Requests and the contract</h3><p>{sentence(head)}</p>{_rules(broken) if broken else ''}{listed}"
    )


def _rules(broken: Sequence[Mapping[str, Any]]) -> str:
    rows = (
        f"<tr><th>{text(', '.join(each.get('columns') or []))}<td>{sentence(str(each.get('message', '')))}"
        f"<td>{text(each.get('severity', ''))}<td class=n>{each.get('rows', 0):,}"
        f"<td>{text(', '.join(map(str, each.get('first_values') or [])))}"
        for each in broken[:_LINES]
    )
    heads = ("Column", "What was found", "Severity", "#Requests", "Values")
    return table("Broken rules of the contract", heads, rows)


def _is_odd(each: Mapping[str, Any]) -> bool:
    missing, before = each.get("missing_share") or 0.0, each.get("baseline_missing_share") or 0.0
    return missing > before or bool(each.get("unknown_share"))


def _odd(columns: Sequence[Mapping[str, Any]]) -> str:
    shares = ("missing_share", "baseline_missing_share", "unknown_share")
    rows = (
        f"<tr><th>{text(each['column'])}"
        + "".join(f"<td class=n>{text(_share(each.get(name)))}" for name in shares)
        + f"<td>{text(', '.join(map(str, each.get('unknown_values') or [])))}"
        for each in columns[:_LINES]
    )
    heads = ("Column", "#Missing", "#Missing in training", "#New values", "Which")
    return table("Missing and new values", heads, rows)


def _share(value: float | None) -> str:
    return "" if value is None else words.percent(value)


def _together(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    head = "<h3>Columns together</h3>"
    area = found.get("auc")
    if area is None:
        return f"{head}<p>Too few rows to tell requests from training rows.</p>"
    low, high = (words.number(found.get(name)) for name in ("low", "high"))
    said = (
        f"{found.get('status', '')}: a classifier of all columns tells requests from training rows with an "
        f"area under the ROC curve of {words.number(area)}; by chance it is between {low} and {high}."
    )
    if found.get("status") not in ("warning", "alarm"):
        return f"{head}<p>{sentence(said)}</p>"
    rows = (
        f"<tr><th>{text(each['column'])}<td class=n>{text(words.percent(each['share']))}"
        for each in (found.get("columns") or [])[:_TOLD_APART]
    )
    return f"{head}<p>{sentence(said)}</p>{table('What tells them apart', ('Column', '#Share'), rows)}"


def _answers(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    head = "<h3>What answers rest on</h3>"
    drift = found.get("drift")
    if drift is None:
        return f"{head}<p>Not compared: {text(found.get('status', 'insufficient'))}.</p>"
    said = (
        f"{found.get('status', '')}: the order of the features by their weight has moved by "
        f"{words.number(drift)} on a scale from 0 to 1, measured on {found.get('rows', 0):,} requests."
    )
    rows = (
        f"<tr><th>{text(each['feature'])}<td class=n>{text(words.number(each['training']))}"
        f"<td class=n>{text(words.number(each['now']))}"
        for each in (found.get("features") or [])[:_LINES]
    )
    heads = ("Feature", "#Moves an answer by, in training", "#Now")
    return f"{head}<p>{sentence(said)}</p>{table('Attributions', heads, rows)}"


def _weights(found: Mapping[str, Any]) -> str:
    importances, drifted = found.get("importances") or {}, found.get("weighted_drifted_share")
    if not importances or drifted is None:
        return ""
    said = f"Columns that hold {words.percent(drifted)} of all importance have drifted."
    rows = (
        f"<tr><th>{text(name)}<td class=n>{text(words.percent(share))}"
        for name, share in sorted(importances.items(), key=lambda each: -each[1])[:_LINES]
    )
    listed = table("Importance of columns", ("Column", "#Share of the importance"), rows)
    return f"<h3>Drift weighed by importance</h3><p>{sentence(said)}</p>{listed}"
