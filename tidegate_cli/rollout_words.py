"""A rollout in lines for a person at a terminal."""

from collections.abc import Iterator

from tidegate.messages.deployment import MirrorReport, RolloutJudgement, RolloutStep
from tidegate.rollout.evidence import in_words
from tidegate.rollout.history import Judged, Rollout
from tidegate.rollout.needed import still_needed


def told(found: Rollout) -> Iterator[str]:
    ended = f", {found.error}: {found.cause}" if found.error else ""
    yield f"version {found.version}   {found.status.lower().replace('_', ' ')} in {found.state}{ended}"
    if found.held:
        yield f"held          {found.held}"
    if found.mirror:
        yield f"copies        {_mirrored(found.mirror)}"
    if found.plan and found.plan.champion_variant is None:
        yield "the first model: it has all the traffic at once, and nobody to be compared with"
        return
    for number, step in enumerate(found.steps):
        mark = ">" if number == found.step and found.status == "RUNNING" else " "
        yield f"{mark} step {number + 1}  {step.weight:>6.1%}   {_judged(step, found.judged(number))}"
    if found.last:
        yield from _evidence(found.last)
        yield from (f"{name:<13} {words}" for name, words in still_needed(found))
    if found.awaits_approval:
        yield "a person is waited for: `tidegate rollout promote`, or `tidegate rollout rollback`"


def _mirrored(mirror: MirrorReport) -> str:
    if not mirror.rows:
        return "no captured request to copy"
    median, p99 = mirror.median_difference, mirror.p99_difference
    apart = "" if median is None or p99 is None else f", answers differ by {median:.3g} (p99 {p99:.3g})"
    return f"{mirror.rows} rows, {mirror.failed} failed, {mirror.flipped} flipped{apart}"


def _judged(step: RolloutStep, judged: tuple[Judged, ...]) -> str:
    if not judged:
        return f"needs {step.minimum_requests} requests"
    newest = judged[-1].judgement
    return f"{newest.decision:<10} {newest.reason}"


def _evidence(judgement: RolloutJudgement) -> Iterator[str]:
    limit = f"{in_words(judgement.needed)} roll it back"
    yield f"evidence      {in_words(judgement.evidence)} against the candidate, {limit}"
    for each in judgement.guardrails:
        if each.candidate or each.champion:
            counts = f"{each.candidate} of the candidate, {each.champion} of the champion"
            yield f"  {each.name:<11} {counts}, evidence {in_words(each.evidence)}"
    outcomes = judgement.outcomes
    if outcomes and outcomes.lower is not None and outcomes.upper is not None:
        bounds = f"{outcomes.lower:+.4g} to {outcomes.upper:+.4g}"
        yield f"outcomes      loss differs by {bounds}, at most {outcomes.margin:+.4g} may"
