"""Drift on the page: each column beside its baseline, the answers, and how it went over the windows."""

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.monitoring.page import charts
from tidegate.monitoring.page.documents import Documents
from tidegate.monitoring.page.quality_section import moment
from tidegate.profile import Profile
from tidegate.report import charts as small
from tidegate.report import words
from tidegate.report.bins import histogram
from tidegate.report.pieces import table, text

_WIDE = 60  # columns from which each gets a smaller chart
_CHART, _DENSE = 180, 120  # pixels, as in page.css
_BINS, _DENSE_BINS = 24, 13
_TAGS = {"alarm": "e", "warning": "w", "stable": "", "insufficient": "", "not comparable": ""}
_HEADS = (
    *("Column", "Baseline filled, window as a line", "Status", "#PSI", "#Beyond noise", "#Adjusted p"),
    *("#KS", "#Never seen", "#Missing", "#Missing in training", "#Mean", "#Mean in training"),
)
_ORDER = {"alarm": 0, "warning": 1}


def features(documents: Documents) -> str:
    """Every request column, those that moved first."""
    measurement = documents.measurement
    if measurement is None:
        return f"<p>Not measured: {text(documents.window.reason or 'there is no measurement')}.</p>"
    names = _answer_names(documents)
    columns = [each for each in measurement["columns"] if each["column"] not in names]
    if not columns:
        return "<p>No column was compared.</p>"
    columns.sort(key=lambda each: (_ORDER.get(each["status"], 2), -each["psi"]))
    return _over_time(documents) + _columns(
        "Columns of requests", columns, documents.requests, documents.baseline
    )


def answers(documents: Documents) -> str:
    """What the champion answered, beside its answers in the evaluation."""
    names = _answer_names(documents)
    if documents.measurement is None:
        return "<p>Not measured.</p>"
    columns = [each for each in documents.measurement["columns"] if each["column"] in names]
    if not columns:
        return "<p>No answers were compared.</p>"
    points = [
        charts.Point(
            label=moment(each.run),
            value=each.prediction_psi,
            status="certain" if each.prediction_drifted else "usual",
        )
        for each in documents.earlier
        if each.prediction_psi is not None
    ]
    now = documents.metric("PredictionDriftScore")
    points.append(charts.Point(label=moment(documents.window.run), value=now, status=_status(columns)))
    chart = charts.over_windows(points, title="PSI of predictions over windows") if len(points) > 1 else ""
    return chart + _columns("Answers", columns, documents.answers, documents.expected)


def _answer_names(documents: Documents) -> set[str]:
    """Columns of answers: those that the requests do not have."""
    if documents.answers is not None:
        return set(documents.answers.columns)
    columns = (documents.measurement or {}).get("columns", ())
    return {each["column"] for each in columns} & {"probability", "value", "label", "confidence"}


def _over_time(documents: Documents) -> str:
    points = [
        charts.Point(
            label=moment(each.run),
            value=each.worst_psi,
            status="certain" if each.drifted else "usual",
        )
        for each in documents.earlier
        if each.worst_psi is not None
    ]
    worst = documents.metric("DriftScoreMax")
    columns = (documents.measurement or {}).get("columns", ())
    points.append(charts.Point(label=moment(documents.window.run), value=worst, status=_status(columns)))
    if len(points) < 2:  # noqa: PLR2004  one point is no course
        return ""
    chart = charts.over_windows(points, title="PSI of the column that moved most, over windows")
    return f"<p class=note>PSI of the column that moved most, over the windows.</p>{chart}"


def _status(columns: Sequence[Mapping[str, Any]]) -> str:
    return "certain" if any(each["status"] == "alarm" for each in columns) else "usual"


def _columns(
    name: str, columns: Sequence[Mapping[str, Any]], current: Profile | None, baseline: Profile | None
) -> str:
    dense = len(columns) > _WIDE
    rows = (_column(each, current, baseline, dense=dense) for each in columns)
    missing = "" if current is not None else "<p class=note>The window's profile is missing: no pictures.</p>"
    listed = table(name, _HEADS, rows, tools="filter")
    return f"{missing}<div class='f wide{' dense' if dense else ''}'>{listed}</div>"


def _column(
    found: Mapping[str, Any], current: Profile | None, baseline: Profile | None, *, dense: bool
) -> str:
    name = found["column"]
    now = current.columns.get(name) if current else None
    before = baseline.columns.get(name) if baseline else None
    chart = histogram(now, before, _DENSE_BINS if dense else _BINS) if now else None
    drawn = small.histogram(chart, _DENSE if dense else _CHART) if chart else ""
    row = {"alarm": " class=e", "warning": " class=w"}.get(found["status"], "")
    kind = f"<small>{text(words.type_name(now.type))}</small>" if now else ""
    tag = f"<span class='tag {_TAGS.get(found['status'], '')}'>{text(found['status'])}</span>"
    compared = found["status"] != "not comparable"
    figures = [
        words.number(found["psi"]) if compared else "",
        words.number(found["effect"]) if compared else "",
        words.probability(found["adjusted_p"]) if compared else "",
        words.number(found.get("ks")),
        "" if found.get("unseen_share") is None else words.percent(found["unseen_share"]),
        *(
            "" if each is None or not each.rows else words.percent(each.missing / each.rows)
            for each in (now, before)
        ),
        *(
            "" if each is None or each.kind != "number" or not each.count else words.number(float(each.mean))
            for each in (now, before)
        ),
    ]
    cells = "".join(f"<td class=n>{text(figure)}" for figure in figures)
    return f"<tr{row}><th>{text(name)}{kind}<td>{drawn}<td>{tag}{cells}"
