"""The page of a window: one HTML document that needs nothing else, not even its script."""

from collections.abc import Callable
from pathlib import Path

import tidegate.report
from tidegate.monitoring.page.documents import Documents
from tidegate.monitoring.page.drift_section import answers, features
from tidegate.monitoring.page.findings import Finding, findings
from tidegate.monitoring.page.measured_section import measured
from tidegate.monitoring.page.quality_section import labels, moment, quality, slices
from tidegate.monitoring.page.told import told
from tidegate.report import words
from tidegate.report.document import CROSS, SIGN, STYLE, TICK, banner, document
from tidegate.report.pieces import facts, sentence, table, text

_STYLE = STYLE + (
    "svg[role=img].t{width:100%;min-width:40rem;height:auto}"
    ".box.t{padding:.4rem;max-height:none;margin:0 0 .8rem}"
    ".frame{fill:none;stroke:var(--line)}text{fill:var(--soft);font-size:11px}"
    ".course{fill:none;stroke:var(--soft);opacity:.5}.a td small{display:block}"
    "circle.now{fill:var(--blue)}circle.guess{fill:none;stroke:var(--blue);stroke-width:1.5}"
)
_SCRIPT = (Path(tidegate.report.__file__).parent / "page.js").read_text(encoding="utf-8").strip()
_BANNERS = {
    "e": ("quarantine", "needs a look", CROSS),
    "w": ("warn", "worth a look", SIGN),
    "g": ("accept", "as expected", TICK),
}
_FIGURES = {
    "OutOfContractShare": "Requests that break the contract, share",
    "DomainAuc": "Told apart from training, AUC",
    "AttributionDrift": "Attribution drift, 1 - NDCG",
}
_VIOLATIONS, _CHANGES = 200, 50
_ALARM_TAGS = {"ALARM": "e", "OK": "g", "INSUFFICIENT_DATA": ""}


def page(documents: Documents) -> str:
    """The whole document."""
    found = findings(documents)
    kinds = {each.kind for each in found}
    kind, word, path = _BANNERS["e" if "e" in kinds else "w" if "w" in kinds else "g"]
    title = f"{documents.window.pipeline}, window of {moment(documents.window.run)}: {word}"
    sections: list[tuple[str, str, Callable[[Documents], str]]] = [
        ("quality", "Quality", quality),
        ("slices", "Slices", slices),
        ("features", "Requests against training", features),
        ("answers", "Predictions", answers),
        ("contract", "Contract and skew", _contract),
        ("labels", "Outcomes", labels),
        ("alarms", "Alarms", _alarms),
        ("operations", "Operations", _operations),
        ("decision", "Decision", _decision),
    ]
    return document(
        title,
        banner=banner(kind, path, text(title), text(_span(documents))),
        lead=f"{facts(_facts(documents))}<ol class=why>{''.join(map(_finding, found))}</ol>",
        sections=[(anchor, name, made(documents)) for anchor, name, made in sections],
        footer="All times are UTC. The page holds all it shows and asks for nothing.",
        style=_STYLE,
        script=_SCRIPT,
    )


def _span(documents: Documents) -> str:
    window = documents.window
    if not window.end:
        return window.reason or "No traffic was looked at."
    return f"Traffic captured from {words.moment(window.start)} to {words.moment(window.end)}."


def _facts(documents: Documents) -> list[tuple[str, str]]:
    window = documents.window
    version = "" if window.model_version is None else f"version {window.model_version}, "
    rows = documents.metric("RowsMeasured")
    told_ = [
        ("Champion", f"{version}run {window.model_run}" if window.model_run else "none"),
        ("Captured records", f"{window.records:,}"),
    ]
    if rows is not None:
        told_.append(("Rows measured", f"{rows:,.0f}"))
    for name, what in _FIGURES.items():
        value = documents.metric(name)
        if value is not None:
            told_.append((what, words.number(value)))
    return [*told_, ("Window", window.run)]


def _finding(found: Finding) -> str:
    tag = f"<span class='tag {found.kind}'>{text(found.word)}</span>"
    return f"<li>{tag}<span>{sentence(found.sentence)}</span>"


def _contract(documents: Documents) -> str:
    return _violations(documents) + measured(documents) + _skew(documents)


def _violations(documents: Documents) -> str:
    if documents.violations is None:
        return "<p>Constraints were not checked.</p>"
    listed = documents.violations.get("violations", [])
    if not listed:
        return "<p>No constraint of the training data is broken.</p>"
    rows = (
        f"<tr><th>{text(each['feature_name'])}<td>{text(each['constraint_check_type'])}"
        f"<td>{text(each['description'])}"
        for each in listed[:_VIOLATIONS]
    )
    return f"<div class=u>{table('Broken constraints', ('Column', 'Check', 'What was found'), rows)}</div>"


def _skew(documents: Documents) -> str:
    if documents.skew is None:
        return "<h3>Training-serving skew</h3><p>Not measured.</p>"
    found = documents.skew
    wrong = [each for each in found.get("features", ()) if each.get("differing")]
    head = (
        f"<h3>Training-serving skew</h3><p>{found.get('rows', 0):,} captured vectors were rebuilt offline; "
    )
    if not wrong:
        return f"{head}none differs.</p>"
    rows = (
        f"<tr class=e><th>{text(each['feature'])}<td class=n>{each['differing']:,}<td class=n>"
        f"{words.percent(each['rate'])}<td>{text(_causes(each))}"
        for each in wrong
    )
    listed = table("Skew", ("Feature", "#Rows that differ", "#Share", "Causes"), rows)
    return f"{head}{len(wrong)} features differ.</p>{listed}"


def _causes(each: dict[str, object]) -> str:
    causes = each.get("causes")
    return ", ".join(f"{name} {count}" for name, count in causes.items()) if isinstance(causes, dict) else ""


def _alarms(documents: Documents) -> str:
    if not documents.alarms:
        return "<p>No alarm is known.</p>"
    order = {"ALARM": 0, "INSUFFICIENT_DATA": 2}
    shown = sorted(documents.alarms, key=lambda alarm: (order.get(alarm.state, 1), alarm.name))
    rows = (
        f"<tr{' class=e' if each.state == 'ALARM' else ''}><th>{text(each.name)}<td>"
        f"<span class='tag {_ALARM_TAGS.get(each.state, '')}'>{text(each.state.lower().replace('_', ' '))}"
        f"</span><td>{text(words.moment(each.since))}<td>{sentence(each.reason)}"
        f"<small>{sentence(each.description)}</small>"
        for each in shown
    )
    listed = table("Alarms", ("Alarm", "State", "Since", "Why, and what it watches"), rows)
    changes = "".join(
        f"<tr><td>{text(words.moment(each.at))}<th>{text(each.name)}<td>{text(each.summary)}"
        for each in documents.changes[:_CHANGES]
    )
    past = table("Changes of alarms", ("When", "Alarm", "What happened"), [changes]) if changes else ""
    return f"<div class=a>{listed}</div>" + (f"<h3>Changes, the newest first</h3>{past}" if past else "")


def _operations(documents: Documents) -> str:
    if documents.operations is None:
        return "<p>Latency, throughput and errors were not measured for this window.</p>"
    return told(documents.operations, without=("run", "period_seconds"))


def _decision(documents: Documents) -> str:
    if documents.decision is None:
        return "<p>No decision about retraining was recorded for this window.</p>"
    return told(documents.decision, without=("run",))
