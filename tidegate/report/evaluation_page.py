"""The page of an evaluation: one HTML document that needs nothing else, the gate's reasons first.

Names of columns, values of slices and runs enter it through `text` alone; the policy lets nothing load and
no script run.
"""

import numpy as np

from tidegate.evaluation.evaluation import Evaluation, Scored
from tidegate.evaluation.resampling import Interval
from tidegate.report import evaluation_charts as charts
from tidegate.report.document import CROSS, STYLE, TICK, banner, document
from tidegate.report.pieces import facts, sentence, table, text
from tidegate.training.gate import BASELINE_WORDS, Check

_STYLE = STYLE + (
    "svg.q{width:240px;height:240px;max-width:100%}.frame{fill:none;stroke:var(--line)}"
    ".old{fill:none;stroke:var(--soft);stroke-width:1.5}circle.now{fill:var(--blue)}"
    ".two{display:flex;flex-wrap:wrap;gap:1.5rem}.two>*{flex:1 1 16rem;min-width:0}"
)
_PASSED = ("accept", "passed", TICK)
_FAILED = ("quarantine", "refused", CROSS)
_SLICES, _FEATURES = 100, 200  # lines shown; all are in the details


def page(found: Evaluation) -> str:
    """The whole document."""
    kind, word, path = _PASSED if found.gate.passed else _FAILED
    title = f"Candidate {found.candidate.run}: {word}"
    sections = [
        ("why", "Reasons", _reasons(found)),
        ("metric", f"{found.subject.scorer.name} against others", _gains(found)),
        ("answers", "Answers", _answers(found)),
        *([("costs", "Decisions and costs", _costs(found))] if found.costs else []),
        *([("slices", "Slices", _slices(found))] if found.slices else []),
        *([("fairness", "Fairness", _fairness(found))] if found.fairness else []),
        *([("features", "What features are worth", _features(found))] if found.subject.features else []),
    ]
    failed = sum(not check.passed and check.refuses for check in found.gate.checks)
    said = f"{failed} of {len(found.gate.checks)} checks refuse it." if failed else "No check refuses it."
    return document(
        title,
        banner=banner(kind, path, text(title), said),
        lead=facts(_facts(found)),
        sections=sections,
        footer="Intervals are of 95 %, from whole UTC days drawn again and again, the same for every model. "
        "The page asks for nothing.",
        style=_STYLE,
    )


def _facts(found: Evaluation) -> list[tuple[str, str]]:
    champion = found.champion.run if found.champion else "none yet"
    told = [
        (found.subject.scorer.name, _told(found.candidate.metric)),
        ("Champion", champion),
        ("Test rows", f"{found.subject.labels.shape[0]:,} of {found.days} days"),
        ("model.tar.gz", f"{found.subject.mebibytes:.2f} MiB"),
    ]
    if found.without_aggregates is not None:
        told.append(("Without aggregates", f"{found.without_aggregates:.4f}"))
    if found.subject.p99_ms is not None:
        told.append(("One-row answers, 99 %", f"{found.subject.p99_ms:.2f} ms"))
    return told


def _told(interval: Interval) -> str:
    return f"{interval.value:.4f} [{interval.low:.4f}, {interval.high:.4f}]"


def _reasons(found: Evaluation) -> str:
    return f"<ol class=why>{''.join(map(_reason, found.gate.checks))}</ol>"


def _reason(check: Check) -> str:
    kind, word = ("g", "pass") if check.passed else ("e", "fail") if check.refuses else ("w", "warn")
    return f"<li><span class='tag {kind}'>{word}</span><span>{sentence(check.sentence)}</span>"


def _gains(found: Evaluation) -> str:
    others: list[tuple[str, Scored]] = [
        *([("the champion", found.champion)] if found.champion else []),
        *((BASELINE_WORDS[name], each) for name, each in found.baselines.items()),
    ]
    gains = [each.gain for _, each in others if each.gain is not None]
    reach = charts.span([value for gain in gains for value in (gain.value, gain.low, gain.high)])
    rows = (
        f"<tr><th>{text(name)}<td class=n>{_told(each.metric)}"
        f"<td class=n>{_told(each.gain)}<td>{charts.whisker(each.gain, reach)}"
        for name, each in others
        if each.gain is not None
    )
    note = "<p class=note>The gain is the candidate's metric minus the other's, on identical rows.</p>"
    return note + table("Gains", ("Against", "#Its metric", "#Gain", "Interval, 0 dashed"), rows)


def _answers(found: Evaluation) -> str:
    subject, table_ = found.subject, found.candidate.reliability
    if table_ is None:
        errors = subject.candidate.predictions - subject.labels
        reach = (float(errors.min()), float(errors.max()))
        drawn = charts.histogram(errors, reach, "errors")
        return f"<p>Prediction minus label, from {reach[0]:.4g} to {reach[1]:.4g}.</p>{drawn}"
    old = found.champion.reliability.bins if found.champion and found.champion.reliability else ()
    rows = (
        f"<tr><td class=n>{each.rows:,}<td class=n>{each.predicted:.3f}<td class=n>{each.observed:.3f}"
        for each in table_.bins
    )
    listed = table("Reliability", ("#Rows", "#Told", "#Came"), rows)
    grey = ", the champion is grey" if old else ""
    return (
        f"<p>Expected calibration error {_told(table_.error)}. The dashed line is what should be{grey}.</p>"
        f"<div class=two>{charts.reliability(table_.bins, old)}<div>{listed}{_histograms(found)}</div></div>"
    )


def _histograms(found: Evaluation) -> str:
    subject = found.subject
    if subject.task != "binary":
        return ""
    told = []
    for label in (0, 1):
        mine = subject.candidate.predictions[np.asarray(subject.labels) == label]
        name = f"Probabilities from 0 to 1 of the {mine.size:,} rows with label {label}"
        told.append(f"<h3>{text(name)}</h3>{charts.histogram(mine, (0.0, 1.0), name)}")
    return "".join(told)


def _costs(found: Evaluation) -> str:
    costs = found.costs
    if costs is None:
        return ""
    pairs = [
        ("Cost a decision", _told(costs.candidate)),
        ("Threshold", f"{costs.threshold:.4f}"),
        ("Always deciding the same", f"{costs.one_answer:.4f}"),
    ]
    if costs.champion is not None and costs.saved is not None:
        pairs += [("The champion's cost", _told(costs.champion)), ("Saved", _told(costs.saved))]
    if costs.mcnemar is not None:
        only = f"{costs.mcnemar.only_candidate:,} against {costs.mcnemar.only_champion:,}"
        pairs.append(("Only one right (McNemar)", f"{only}, p {costs.mcnemar.p_value:.3g}"))
    note = "The threshold, dashed, was chosen on training rows; the curve is of the test rows."
    return f"{facts(pairs)}<p class=note>{note}</p>{charts.curve(costs.curve, costs.threshold)}"


def _slices(found: Evaluation) -> str:
    shown = found.slices[:_SLICES]
    differences = [each.difference for each in shown if each.difference is not None]
    reach = charts.span([value for one in differences for value in (one.value, one.low, one.high)])
    rows = (
        f"<tr><th>{text(each.column)}<small>{text(each.value)}</small><td class=n>{each.rows:,}"
        f"<td class=n>{each.candidate:.4f}"
        + (
            f"<td class=n>{each.champion:.4f}<td>{charts.whisker(each.difference, reach)}"
            f"<td class=n>{each.adjusted_p:.3f}"
            if each.difference is not None and each.champion is not None
            else "<td><td><td>"
        )
        for each in shown
    )
    heads = ("Slice", "#Rows", "#Candidate", "#Champion", "Difference, 0 dashed", "#Corrected p of worse")
    return table("Slices", heads, rows)


def _fairness(found: Evaluation) -> str:
    fair = found.fairness
    if fair is None:
        return ""
    rows = (
        f"<tr><th>{text(each.value)}<td class=n>{each.rows:,}<td class=n>{each.selected:.3f}"
        f"<td class=n>{each.true_positive_rate:.3f}<td class=n>{each.false_positive_rate:.3f}"
        for each in fair.groups
    )
    told = (
        f"<p>Demographic parity differs by {fair.demographic_parity:.4f}, equalised odds by "
        f"{fair.equalized_odds:.4f}; {fair.left_out} smaller groups are not compared.</p>"
    )
    heads = (f"{fair.column}", "#Rows", "#Decided for 1", "#True positive rate", "#False positive rate")
    return told + table("Groups", heads, rows)


def _features(found: Evaluation) -> str:
    values = found.subject.features[:_FEATURES]
    largest = max((each.loss for each in values), default=0.0)
    rows = (
        f"<tr><th>{text(each.feature)}<td>{charts.bar(each.loss, largest)}<td class=n>{each.loss:+.4f}"
        f"<td class=n>{'' if each.beside_shadow is None else f'{each.beside_shadow:+.4f}'}"
        f"<td class=n>{'' if each.shadow is None else f'{each.shadow:+.4f}'}"
        + ("<td><span class='tag w'>no better</span>" if each.is_no_better_than_its_shadow else "<td>")
        for each in values
    )
    note = "What the metric loses by shuffling; beside it, in a model that has each column's shadow too."
    heads = ("Feature", "Loss", "#Loss", "#Beside shadows", "#Its shadow", "Against its shadow")
    return f"<p class=note>{note}</p>{table('Features', heads, rows)}"
