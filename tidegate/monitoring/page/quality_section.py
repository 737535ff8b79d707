"""Quality on the page: over the windows, by slice and model, and which outcomes are there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.monitoring.page import charts
from tidegate.monitoring.page.documents import Document, Documents
from tidegate.report import words
from tidegate.report.pieces import facts, table, text

_LINES = 100
_WINDOWS = 60  # rows of the table of labels, the newest
_STATUS = {"breach": "e", "kept": "g", "insufficient": ""}
_NOTE = (
    "Dots are of outcomes, with intervals of 95 %; hollow dots are estimates that do not wait for them. The "
    "dashed line is what the evaluation promised, the dotted one the least that is no breach."
)


def quality(documents: Documents) -> str:
    """Empty where nothing was measured."""
    found = documents.quality
    if found is None:
        return "<p>MeasureQuality left no document for this window.</p>"
    promised, margin = found["promised"], found["margin"]
    estimates = {each.run: each.estimate for each in documents.earlier}
    estimates[documents.window.run] = (found.get("estimate") or {}).get("value")
    points = [_point(each, estimates.get(each["run"])) for each in found["windows"]]
    title = f"{found['metric']} over {len(points)} windows"
    chart = charts.over_windows(
        points, title=title, promised=promised["value"], limit=promised["value"] - margin
    )
    drawn = f"<p class=note>{_NOTE}</p>{chart}" if chart else "<p>No window has enough outcomes yet.</p>"
    return facts(_facts(found)) + drawn + _models(found)


def _facts(found: Document) -> list[tuple[str, str]]:
    promised, guess = found["promised"], found.get("estimate") or {}
    told = [
        (f"{found['metric']} of all outcomes", interval(found["realised"])),
        ("Promised by the evaluation", interval(promised)),
        ("Tolerated", f"{words.number(found['margin'])} less"),
    ]
    if guess.get("value") is not None:
        told.append(("Estimated", f"{guess['status']}: {interval(guess)}"))
    elif guess:
        why = f": {guess['reason']}" if guess.get("reason") else ""
        told.append(("Estimated", f"{guess['status']}{why}"))
    return told


def interval(realised: Mapping[str, Any]) -> str:
    """A value with its interval; why not, where there is none."""
    if realised.get("value") is None:
        return f"too few outcomes ({realised.get('rows', 0):,})"
    if realised.get("low") is None or realised.get("high") is None:
        return f"{realised['value']:.4f}"
    return f"{realised['value']:.4f} [{realised['low']:.4f}, {realised['high']:.4f}]"


def _point(window: Mapping[str, Any], estimate: float | None) -> charts.Point:
    realised = window["realised"]
    status = {"breach": "certain", "kept": "usual"}.get(realised["status"], "unusual")
    return charts.Point(
        label=moment(window["run"]),
        value=realised["value"],
        low=realised["low"],
        high=realised["high"],
        status=status,
        estimate=estimate,
    )


def moment(run: str) -> str:
    """A run begins with the moment it was planned."""
    digits = run[:14]
    if len(digits) < 14 or not digits.isdigit():  # noqa: PLR2004  the digits of a moment
        return run
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]} {digits[8:10]}:{digits[10:12]}"


def _models(found: Document) -> str:
    models = found.get("models") or []
    if len(models) < 2:  # noqa: PLR2004  one is the champion, told above
        return ""
    rows = (
        f"<tr><th>{text(each['model'])}<td class=n>{each['realised']['rows']:,}"
        f"<td class=n>{text(interval(each['realised']))}<td>{_tag(each['realised']['status'])}"
        for each in models
    )
    heads = ("Model of run", "#Outcomes", f"#{found['metric']}", "Status")
    return f"<h3>By model</h3>{table('Quality by model', heads, rows)}"


def slices(documents: Documents) -> str:
    """The champion's quality in parts of its traffic."""
    found = documents.quality
    if found is None or not found.get("slices"):
        return "<p>No outcomes to take slices of.</p>"
    shown = found["slices"][:_LINES]
    ends = [v for each in shown for v in (each["realised"]["low"], each["realised"]["high"]) if v is not None]
    promised = found["promised"]["value"]
    reach = (min([*ends, promised]), max([*ends, promised]))
    rows = (_slice(each, reach, promised) for each in shown)
    heads = ("Slice", "#Outcomes", f"#{found['metric']}", "Interval, promised dashed", "Status")
    return table("Slices", heads, rows, tools="filter")


def _slice(each: Mapping[str, Any], reach: tuple[float, float], promised: float) -> str:
    realised = each["realised"]
    chart = ""
    if realised["low"] is not None and realised["value"] is not None:
        value, low, high = realised["value"], realised["low"], realised["high"]
        chart = charts.whisker(value, low, high, reach=reach, promised=promised)
    row = " class=e" if realised["status"] == "breach" else ""
    told = interval(realised) if realised["value"] is not None else ""
    return (
        f"<tr{row}><th>{text(each['column'])}<small>{text(each['value'])}</small><td class=n>"
        f"{realised['rows']:,}<td class=n>{text(told)}<td>{chart}<td>{_tag(realised['status'])}"
    )


def labels(documents: Documents) -> str:
    """Which predictions have an outcome, and how long it took."""
    found = documents.quality
    if found is None:
        return "<p>Not looked at.</p>"
    rows = (_labels(each) for each in reversed(found["windows"][-_WINDOWS:]))
    heads = ("Window", "#Predictions", "#With an outcome", "#Share", "#Told late, median", "#95 %")
    return facts(_label_facts(found["labels"])) + table("Outcomes by window", heads, rows)


def _label_facts(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Predictions with an outcome", f"{told['labelled']:,} of {told['predictions']:,}"
    names: Sequence[tuple[str, str]] = (
        ("contradicted", "Told two outcomes"),
        ("early", "Observed before the prediction"),
        ("repeated", "Told again"),
        ("unreadable", "Unreadable"),
        ("unknown", "Of ids that no window has"),
    )
    for name, words_ in names:
        if told.get(name):
            yield words_, f"{told[name]:,}"


def _labels(window: Mapping[str, Any]) -> str:
    share = words.percent(window["coverage"]) if window["coverage"] is not None else ""
    lags = (window.get("lag_median_seconds"), window.get("lag_95_seconds"))
    told = "".join(f"<td class=n>{text('' if lag is None else words.duration(lag))}" for lag in lags)
    return (
        f"<tr><th>{text(moment(window['run']))}<td class=n>{window['predictions']:,}<td class=n>"
        f"{window['labelled']:,}<td class=n>{share}{told}"
    )


def _tag(status: str) -> str:
    kind = _STATUS.get(status, "")
    return f"<span class='tag {kind}'>{text(status)}</span>"
