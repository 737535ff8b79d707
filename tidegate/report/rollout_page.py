"""The page of a rollout: a candidate beside the champion, step by step, and why it ended as it did.

One HTML document that needs nothing else. It can be made of a rollout that still runs.
"""

from collections.abc import Iterator
from datetime import datetime

from tidegate.report import rollout_sections as sections
from tidegate.report.document import CROSS, SIGN, STYLE, TICK, banner, document
from tidegate.report.pieces import facts, sentence, text
from tidegate.rollout.evidence import in_words
from tidegate.rollout.history import Judged, Rollout
from tidegate.rollout.needed import duration, still_needed

_STYLE = STYLE + (
    "svg.w{width:100%;max-width:38rem;height:auto}svg text{fill:var(--soft);font-size:12px}"
    "tr.all>*{font-weight:600}.say{min-width:17rem}.t{white-space:nowrap}"
)
_BANNERS = {
    "promoted": ("accept", TICK),
    "rolled back": ("quarantine", CROSS),
    "refused": ("quarantine", CROSS),
    "running": ("warn", SIGN),
}
_WORDS = {"running": "is being rolled out"}
_FOOTER = (
    "All times are UTC. An e-value is evidence that may be looked at as often as one likes: for a candidate "
    "that is no worse it ever reaches its limit with a chance of 1 in that limit at most. The page holds all "
    "it shows and asks for nothing."
)


def page(found: Rollout, *, now: datetime) -> str:
    """The whole document.

    Args:
        now: when it is made, UTC; the end of the time shown while the rollout runs.
    """
    kind, path = _BANNERS[found.outcome]
    title = f"Version {found.version} {_WORDS.get(found.outcome, f'was {found.outcome}')}"
    told = [
        ("why", "Why", _why(found)),
        *([("before", "Before its first traffic", _before(found))] if found.golden_rows is not None else []),
        *([("steps", "Steps", sections.steps(found, now))] if found.steps_began else []),
        *([("guardrails", "Guardrails", sections.guardrails(found))] if found.judgements else []),
        *([("outcomes", "Outcomes", sections.outcomes(found))] if sections.bounded(found) else []),
        *([("split", "Split of the traffic", sections.split(found))] if found.judgements else []),
        *([("looks", "Every look", sections.looks(found))] if found.judgements else []),
    ]
    return document(
        title,
        banner=banner(kind, path, text(title), sentence(_summary(found))),
        lead=facts(_facts(found, now)),
        sections=told,
        footer=_FOOTER,
        style=_STYLE,
    )


def _summary(found: Rollout) -> str:
    if found.outcome == "running":
        return f"held: {found.held}" if found.held else found.reason or f"in state `{found.state}`"
    if found.outcome == "promoted":
        if not found.judgements:
            return "It is the first model: there was no champion to compare it with."
        return f"It passed every step; in the last {found.reason}."
    return _first_line(found) or found.reason


def _first_line(found: Rollout) -> str:
    return (found.cause.strip().splitlines() or [found.error])[0]


def _facts(found: Rollout, now: datetime) -> Iterator[tuple[str, str]]:
    plan = found.plan
    if plan:
        yield "Model", f"version {found.version}, {plan.model_package_arn.rpartition(':')[2]}"
        before = f"version {plan.champion_version}" if plan.champion_version else "an earlier model"
        where = f"{before} on {plan.champion_variant}"
        yield "Champion before", where if plan.champion_variant else "none: the first model"
        yield "Candidate on", plan.candidate_variant
    if found.began:
        yield "Began", sections.moment(found.began)
        end = found.promoted or found.stopped or found.ended
        yield ("Decided", sections.moment(end)) if end else ("As of", sections.moment(now))
        yield "After", duration((end or now) - found.began)
    if found.approved_by is not None:
        yield "Approved by", found.approved_by or "a person"


def _why(found: Rollout) -> str:
    listed = "".join(
        f"<li><span class='tag {kind}'>{text(word)}</span><span>{sentence(said)}</span>"
        for kind, word, said in _reasons(found)
    )
    return f"<ol class=why>{listed}</ol>"


def _reasons(found: Rollout) -> Iterator[tuple[str, str, str]]:
    """(class of the tag, its word, a sentence)."""
    if found.outcome == "promoted":
        yield from (
            ("g", f"step {number + 1}", looks[-1].judgement.reason) for number, looks in _judged(found)
        )
        if not found.judgements:
            yield "g", "promoted", "Its golden rows were answered as in its evaluation."
        return
    if found.outcome != "running":
        lines = [line.strip() for line in found.cause.splitlines() if line.strip()]
        status = found.status.lower().replace("_", " ")
        yield from (("e", found.error or status, line) for line in lines or [status])
        return
    yield "w", "now", _summary(found)
    yield from (("", way, f"needs {words}") for way, words in still_needed(found))
    if found.awaits_approval:
        yield "w", "a person", "`tidegate rollout promote`, or `tidegate rollout rollback`"


def _judged(found: Rollout) -> Iterator[tuple[int, tuple[Judged, ...]]]:
    """Steps that were looked at, by number from 0."""
    return ((number, looks) for number in range(len(found.steps)) if (looks := found.judged(number)))


def _before(found: Rollout) -> str:
    pairs = [("Golden rows", f"{found.golden_rows} answered as in the evaluation")]
    mirror = found.mirror
    if mirror and mirror.requests:
        pairs += [
            ("Copied requests", f"{mirror.requests:,}, {mirror.rows:,} rows"),
            ("Failed, invalid, slow", f"{mirror.failed:,}, {mirror.invalid:,}, {mirror.slow:,}"),
            ("Decided otherwise", f"{mirror.flipped:,} rows"),
            (
                "Answers differ by",
                f"{_figure(mirror.median_difference)}, 99 % {_figure(mirror.p99_difference)}",
            ),
            ("Answered in", f"{_figure(mirror.median_ms)} ms, 99 % {_figure(mirror.p99_ms)} ms"),
            ("Evidence against it", f"{in_words(mirror.evidence)} of {in_words(mirror.needed)}"),
        ]
    elif mirror:
        pairs.append(("Copied requests", "none was captured"))
    return facts(pairs)


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
