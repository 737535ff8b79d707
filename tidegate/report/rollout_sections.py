"""Sections of a rollout's page: its steps, guardrails, outcomes, the split of its traffic, every look."""

from datetime import datetime

from tidegate.messages.deployment import RolloutJudgement, RolloutStep
from tidegate.report import rollout_charts as charts
from tidegate.report.pieces import sentence, table, text
from tidegate.rollout.evidence import in_words
from tidegate.rollout.guardrails import GUARDRAILS
from tidegate.rollout.history import Judged, Rollout
from tidegate.rollout.judge import told
from tidegate.rollout.needed import duration

_DOTS = {"advance": "usual", "wait": "unusual", "hold": "unusual", "roll-back": "certain"}
_TAGS = {"advance": "g", "wait": "w", "hold": "w", "roll-back": "e"}
_LOOKS = 100  # the newest that are listed
_NAMES = {
    "errors": "Errors",
    "slow": "Slow",
    "timeouts": "Timed out",
    "fallbacks": "Fallback",
    "invalid": "Invalid",
}


def steps(found: Rollout, now: datetime) -> str:
    first = found.steps_began[0]
    end = found.promoted or found.stopped or found.ended or now
    last = max(end, *(each.at for each in found.judgements), first) if found.judgements else max(end, first)
    over = found.outcome == "rolled back"
    span = ((last - first).total_seconds() or 1.0) / (0.97 if over else 1.0)  # the fall is seen to fall

    def at(moment: datetime) -> float:
        return (moment - first).total_seconds() / span

    stairs = [(at(began), found.steps[n].weight) for n, began in enumerate(found.steps_began)]
    looks = [(at(e.at), found.steps[e.step].weight, _DOTS[e.judgement.decision]) for e in found.judgements]
    drawn = charts.shares(stairs, looks, at(last) if over else 1.0)
    rows = (_step(found, number, step, last) for number, step in enumerate(found.steps))
    heads = (
        "Step",
        "#Share",
        "#Began",
        "#Lasted",
        "#Looks",
        "#Candidate",
        "#Champion",
        "#At least",
        "Said last",
    )
    note = "<p class=note>Each dot is a look; requests are those of the step.</p>"
    return f"{drawn}{note}{table('Steps', heads, rows)}"


def _step(found: Rollout, number: int, step: RolloutStep, last: datetime) -> str:
    looks = found.judged(number)
    if number >= len(found.steps_began):
        listed = "".join(f"<td class=n>{each}" for each in (f"{step.weight:.0%}", "", "", "", "", ""))
        return f"<tr><th>{number + 1}{listed}<td class=n>{step.minimum_requests:,}<td>not reached"
    began = found.steps_began[number]
    until = found.steps_began[number + 1] if number + 1 < len(found.steps_began) else last
    newest = looks[-1].judgement if looks else None
    numbers = (
        f"{step.weight:.0%}",
        moment(began),
        duration(until - began),
        str(len(looks)),
        f"{newest.candidate_requests:,}" if newest else "",
        f"{newest.champion_requests:,}" if newest else "",
        f"{step.minimum_requests:,}",
    )
    listed = "".join(f"<td class=n>{text(each)}" for each in numbers)
    said = f"{_tag(newest.decision)} {sentence(newest.reason)}" if newest else ""
    return f"<tr><th>{number + 1}{listed}<td class=say>{said}"


def _tag(decision: str) -> str:
    return f"<span class='tag {_TAGS[decision]}'>{text(decision)}</span>"


def guardrails(found: Rollout) -> str:
    note = (
        "<p class=note>Counts are of the step. Each kind is compared with the champion's by their shares of "
        "the traffic, and with what any model may; one kind alone rolls back at its own dashed limit.</p>"
    )
    return note + "".join(
        _guardrails_of(number, found.steps[number], looks)
        for number in range(len(found.steps))
        if (looks := found.judged(number))
    )


def _guardrails_of(number: int, step: RolloutStep, looks: tuple[Judged, ...]) -> str:
    newest = looks[-1].judgement
    rows = [
        _kind_row(
            "<tr class=all><th>All together",
            [each.judgement.evidence for each in looks],
            newest.needed,
            (f"{newest.candidate_requests:,} requests", f"{newest.champion_requests:,} requests", ""),
        )
    ]
    for index, kind in enumerate(newest.guardrails):
        weight, what = GUARDRAILS[kind.name]
        values = [each.judgement.guardrails[index].evidence for each in looks]
        counts = (
            _share(kind.candidate, newest.candidate_requests),
            _share(kind.champion, newest.champion_requests),
            f"{kind.limit:.2%}",
        )
        head = f"<tr><th>{_NAMES[kind.name]}<small>{text(what)}</small>"
        rows.append(_kind_row(head, values, newest.needed / weight, counts))
    heads = (
        "Bad events",
        "Evidence, look by look",
        "#Candidate",
        "#Champion",
        "#May be",
        "#Evidence",
        "#Rolls back at",
    )
    name = f"Step {number + 1}, {step.weight:.0%} of the traffic"
    return f"<h3>{name}</h3>{table(name, heads, rows)}"


def _kind_row(head: str, values: list[float], limit: float, counts: tuple[str, ...]) -> str:
    mark = " class=e" if values[-1] >= limit else ""
    numbers = _numbers(*counts, in_words(values[-1]), in_words(limit))
    return f"{head.replace('<tr>', f'<tr{mark}>', 1)}<td>{charts.evidence(values, limit)}{numbers}"


def _share(bad: int, requests: int) -> str:
    return f"{bad:,} ({bad / requests:.2%})" if requests else f"{bad:,}"


def bounded(found: Rollout) -> list[tuple[datetime, float, float]]:
    return [
        (each.at, seen.lower, seen.upper)
        for each in found.judgements
        if (seen := each.judgement.outcomes) and seen.lower is not None and seen.upper is not None
    ]


def outcomes(found: Rollout) -> str:
    known = bounded(found)
    newest = next(each.judgement.outcomes for each in reversed(found.judgements) if each.judgement.outcomes)
    first, last = known[0][0], known[-1][0]
    span = (last - first).total_seconds() or 1.0
    band = [((at - first).total_seconds() / span, low, high) for at, low, high in known]
    rows = (
        f"<tr><th>Candidate{_numbers(f'{newest.candidate:,}', f'{newest.candidate_loss:.4g}')}",
        f"<tr><th>Champion{_numbers(f'{newest.champion:,}', f'{newest.champion_loss:.4g}')}",
    )
    return (
        f"<p>{sentence(told(newest))}.</p>{charts.bounds(band, newest.margin)}"
        "<p class=note>The band holds the true difference of the losses at all times at once; below the "
        "dotted line the candidate is shown to be good enough, above it too bad.</p>"
        f"{table('Outcomes', ('Model', '#Outcomes', '#Mean loss'), rows)}"
    )


def _numbers(*values: str) -> str:
    return "".join(f"<td class=n>{text(value)}" for value in values)


def split(found: Rollout) -> str:
    rows = []
    for number, step in enumerate(found.steps):
        split = next((e.judgement.split for e in reversed(found.judged(number)) if e.judgement.split), None)
        if split is None:
            continue
        total = split.candidate + split.champion
        tag = "<span class='tag e'>not as told</span>" if split.evidence >= split.needed else "as told"
        seen = (f"{step.weight:.1%}", f"{split.candidate / total:.1%}", f"{split.candidate:,} of {total:,}")
        numbers = _numbers(*seen, in_words(split.evidence), in_words(split.needed))
        rows.append(f"<tr><th>{number + 1}{numbers}<td>{tag}")
    if not rows:
        return (
            "<p>Nothing to compare: no whole minute of a shared step was looked at, or entities are dealt to "
            "the variants by <code>serving.sticky</code>, so that one may ask more often than the rest.</p>"
        )
    heads = ("Step", "#Told", "#Seen", "#Requests", "#Evidence", "#Freezes at", "Split")
    return table("Split of the traffic", heads, rows)


def looks(found: Rollout) -> str:
    newest = found.judgements[: -_LOOKS - 1 : -1]
    rows = (_look(each.at, each.step, each.judgement) for each in newest)
    left = len(found.judgements) - len(newest)
    more = f"<p class=note>{left:,} earlier looks are in the JSON beside this page.</p>" if left else ""
    heads = ("Time", "Step", "Decision", "#Requests", "#Evidence", "Reason")
    return f"{table('Every look', heads, rows)}{more}"


def _look(at: datetime, step: int, said: RolloutJudgement) -> str:
    numbers = _numbers(f"{said.candidate_requests:,}", in_words(said.evidence))
    return (
        f"<tr><th class=t>{text(moment(at))}<td>{step + 1}<td>{_tag(said.decision)}{numbers}"
        f"<td class=say>{sentence(said.reason)}"
    )


def moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
