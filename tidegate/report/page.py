"""The page of a drop: one HTML document that needs nothing else, not even its script."""

from pathlib import Path

from tidegate.report import charts
from tidegate.report.data import ColumnLine, DriftLine, DriftTable, ReportData, RuleLine, Track
from tidegate.report.document import CROSS, SIGN, TICK, banner, document
from tidegate.report.pieces import cells, facts, sentence, table, text
from tidegate.report.visible import visible
from tidegate.report.words import type_name

_SCRIPT = (Path(__file__).parent / "page.js").read_text(encoding="utf-8").strip()
_TITLE = 60  # characters of the dataset in the browser's own title
_NAMED = 20  # columns in a sentence
_WIDE = 60  # columns from which each gets a smaller chart
_CHART, _DENSE_CHART, _SPARK = 180, 120, 180  # pixels, as in page.css
_CHARTED = 30  # figures that are drawn; the rest are told
_VERDICTS = {
    "accept": ("Accepted", TICK),
    "warn": ("Accepted with warnings", SIGN),
    "quarantine": ("Quarantined", CROSS),
}
_SEVERITY = {"e": "no: error", "w": "no: warning"}
_STATUS_TAGS = {"alarm": "e", "warning": "w", "insufficient": "", "stable": "g"}
_COLUMN_HEADS = (
    "Column",
    "Values",
    "#Missing",
    "#NaN",
    "#Distinct",
    "#Minimum",
    "#5%",
    "#25%",
    "#Median",
    "#75%",
    "#95%",
    "#Maximum",
    "#Mean",
    "#Std. dev.",
)
_DRIFT_HEADS = (
    "Column",
    "Status",
    "#PSI beyond noise",
    "#Adjusted p",
    "#KS",
    "#Wasserstein",
    "#Jensen-Shannon",
    "#L-infinity",
    "#Never seen",
)
_DRIFT_NOTE = (
    "Unless the contract or the pipeline says otherwise, a column has drifted when PSI beyond noise is at "
    "least 0.1 (alarm 0.2), the adjusted p is below 0.01, both sides have 500 rows and, where eight earlier "
    "drops were compared alike, it is more than theirs. A shift of that size has about KS 0.12 (0.18), "
    "Wasserstein 0.32 (0.46), Jensen-Shannon 0.13 (0.19); such figures are bold. Times, free texts and "
    "columns of another type are not compared."
)


def page(data: ReportData) -> str:
    """The whole document."""
    title = f"{visible(data.dataset, _TITLE)}: {_VERDICTS[data.status][0].lower()}"
    sections = [
        ("why", "Reasons", _reasons(data)),
        *([("objects", "Objects of the drop", _parts(data))] if data.parts else []),
        ("rules", "Rules of the contract", _rules(data)),
        ("history", "Against earlier drops", _history(data)),
        ("drift", "Drift", _drift(data)),
        ("columns", "Columns", _columns(data)),
    ]
    return document(
        title,
        banner=_banner(data),
        lead=facts(data.facts),
        sections=sections,
        footer="All times are UTC. Rows are counted from 1, without a header line. The page holds all it "
        "shows and asks for nothing.",
        script=_SCRIPT,
    )


def _banner(data: ReportData) -> str:
    word, path = _VERDICTS[data.status]
    title = f"{text(data.dataset)}: {word.lower()}"
    return banner(data.status, path, title, text(data.summary), text(data.accepted_by or ""))


def _parts(data: ReportData) -> str:
    rows = (f"<tr><th>{text(part.key)}{cells((part.size, part.rows, part.row_range))}" for part in data.parts)
    heads = ("Object", "#Size", "#Rows", "#Rows of the drop")
    listed = table("Objects of the drop", heads, rows)
    return f"<div class=p>{listed}</div>"


def _reasons(data: ReportData) -> str:
    if not data.reasons:
        return "<p>None: every rule is kept and nothing is unusual.</p>"
    at = {column.name: index for index, column in enumerate(data.columns)}
    items = []
    for reason in data.reasons:
        kind, word = ("e", "error") if reason.is_error else ("w", "warning")
        link = f' <a href="#c{at[reason.column]}">column</a>' if reason.column in at else ""
        items.append(
            f"<li><span class='tag {kind}'>{word}</span><span>{sentence(reason.message)}{link}</span>"
        )
    more = (
        f"<p class=note>{data.reasons_left_out:,} more in the verdict's JSON.</p>"
        if data.reasons_left_out
        else ""
    )
    return f"<ol class=why>{''.join(items)}</ol>{more}"


def _rules(data: ReportData) -> str:
    if not data.rules:
        return "<p>The contract has no rules.</p>"
    heads = ("Column", "Rule", "Measured", "Must be", "Holds")
    note = "Measured and limited is how many rows break a rule, unless the rule names a figure of its own."
    listed = table("Rules of the contract", heads, map(_rule, data.rules), tools="filter")
    return f"<p class=note>{note}</p><div class=u>{listed}</div>"


def _rule(rule: RuleLine) -> str:
    kind = "e" if rule.is_error else "w"
    row, kept = (
        ("", "yes")
        if rule.holds
        else (f" class={kind}", f"<span class='tag {kind}'>{_SEVERITY[kind]}</span>")
    )
    found = text(rule.measured)
    if rule.first:
        lines = "".join(f"<tr><td>{row_number:,}<td>{text(value)}" for row_number, value in rule.first)
        more = f"<p class=note>{rule.left_out:,} more in the verdict's JSON.</p>" if rule.left_out else ""
        listed = f"<table><thead><tr><th>Row<th>Value<tbody>{lines}</table>"
        found = f"<details><summary>{found}</summary>{listed}{more}</details>"
    name = text(rule.column) or "the drop"
    if rule.not_judged:
        found, kept = f"<small>{sentence(rule.not_judged)}</small>", "not judged"
    return f"<tr{row}><th>{name}<td>{text(rule.words)}<td>{found}<td>{text(rule.must_be)}<td>{kept}"


def _history(data: ReportData) -> str:
    if not data.past_drops:
        return "<p>No drop was accepted before this one, so there is nothing to compare with.</p>"
    rows = [_track(track, drawn=index < _CHARTED) for index, track in enumerate(data.tracks)]
    heads = ("Figure", "Over the drops", "Status", "#This drop", "#Usually", "#Interval", "#Adjusted p")
    unusual = sum(track.status != "usual" for track in data.tracks) + data.tracks_left_out
    told = (
        f"{unusual:,} {'figure is' if unusual == 1 else 'figures are'} out of line"
        if unusual
        else "Nothing is out of line"
    )
    more = (
        f" {data.tracks_left_out:,} more figures are in the verdict's JSON." if data.tracks_left_out else ""
    )
    return (
        f"<p>{told}, compared with {data.past_drops:,} accepted "
        f"{'drop' if data.past_drops == 1 else 'drops'}. The band is where a figure usually lies, "
        f"the dot this drop.{more}</p>{table('Figures against earlier drops', heads, rows)}"
    )


def _track(track: Track, *, drawn: bool) -> str:
    kind, word = {"usual": ("g", "usual"), "unusual": ("w", "unusual"), "certain": ("e", "beyond doubt")}[
        track.status
    ]
    chart = charts.sparkline(track, _SPARK) if drawn else ""
    name = f"{text(track.figure)}<small>{text(track.column)}</small>" if track.column else text(track.figure)
    row = {"usual": "", "unusual": " class=w", "certain": " class=e"}[track.status]
    numbers = "".join(
        f"<td class=n>{text(v)}" for v in (track.now, track.usual, track.interval, track.p_value)
    )
    return f"<tr{row}><th>{name}<td>{chart}<td><span class='tag {kind}'>{word}</span>{numbers}"


def _drift(data: ReportData) -> str:
    if not data.drifts:
        return "<p>There is no reference yet: neither accepted drops nor a champion's training rows.</p>"
    return f"<p class=note>{_DRIFT_NOTE}</p>{''.join(map(_drift_table, data.drifts))}"


def _drift_table(found: DriftTable) -> str:
    name = f"Against {found.against} ({found.rows} rows)"
    rest = f"<p class=note>Not compared: {_names(found.not_compared)}.</p>" if found.not_compared else ""
    listed = table(name, _DRIFT_HEADS, map(_drift_line, found.lines), tools="filter") if found.lines else ""
    return f"<h3>{text(name)}</h3><div class='x wide'>{listed}</div>{rest}"


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMED
    shown = ", ".join(text(name) for name in names[:_NAMED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _drift_line(line: DriftLine) -> str:
    row = {"alarm": " class=e", "warning": " class=w"}.get(line.status, "")
    notes = f"<small>{text(line.notes)}</small>" if line.notes else ""
    kind = _STATUS_TAGS[line.status]
    tag = f"<span class='tag {kind}'>{line.status}</span>" if line.status != "stable" else line.status
    figures = "".join(
        f"<td><b>{text(value)}</b>" if index in line.large else f"<td>{text(value)}"
        for index, value in enumerate(line.cells)
    )
    return f"<tr{row}><th>{text(line.column)}{notes}<td>{tag}{figures}"


def _columns(data: ReportData) -> str:
    if not data.columns:
        return "<p>The drop has no columns.</p>"
    dense = len(data.columns) > _WIDE
    width = _DENSE_CHART if dense else _CHART
    key = f"<span class=key></span> {text(data.baseline)} &nbsp; " if data.baseline else ""
    rows = (_column(index, column, width) for index, column in enumerate(data.columns))
    listed = table("Columns", _COLUMN_HEADS, rows, tools="filter")
    return (
        f"<p class=note>{key}<span class='key line'></span> this drop. Point at a picture for its ends; the "
        "rarest half percent at each end is in the outermost bars.</p>"
        f"<div class='f wide{' dense' if dense else ''}'>{listed}</div>"
    )


def _column(index: int, column: ColumnLine, width: int) -> str:
    chart = charts.histogram(column.chart, width) if column.chart else ""
    if column.top:
        most = ", ".join(f"{text(value)} {share}" for value, share in column.top)
        rest = f"<td colspan={len(_COLUMN_HEADS) - 2 - len(column.figures)}>{most}"
    else:
        rest = ""
    figures = cells(column.figures)
    kind = text(type_name(column.type))
    return f"<tr id=c{index}><th>{text(column.name)}<small>{kind}</small><td>{chart}{figures}{rest}"
