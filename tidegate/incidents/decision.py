"""Whether a look of the monitoring starts a training run: by which cause, on what evidence, or why not.

Pure. Data that is merely bad never trains: a model learns from it what it should not. Where something else is
in progress the cause waits, and a later look starts the run under the name that it has by then.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tidegate.incidents.look import Look
from tidegate.incidents.sections import RetrainingSection
from tidegate.messages.message import Message

Cause = Literal["quality", "estimate", "drift", "schedule"]
DAY_SECONDS = 86400


@dataclass(frozen=True, kw_only=True)
class RetrainingDecision(Message):
    """One look's decision; `key` names its cause and window, and the training run if there is one."""

    run: str
    at: str  # ISO 8601 UTC
    model: str
    action: Literal["train", "wait", "hold-off", "none"]
    reason: str  # one sentence
    cause: Cause | None = None
    key: str = ""
    evidence: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    execution: str = ""  # ARN of the training run that was started
    dropped: str = ""  # key of what waited, and waits no longer without having started
    looks: tuple[Look, ...] = ()  # this one first, then earlier ones of the same model


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What else is so at the moment of the decision. Moments are seconds since the epoch."""

    now: float
    last_training: float | None = None  # when the last run began, whoever asked for it
    cooldown_seconds: float = 0.0
    training: str | None = None  # the run that goes on, in words
    rollout: str | None = None
    started_today: int = 0  # runs started so, this UTC day
    quarantined: str | None = None  # the dataset's newest drop, when it was quarantined
    feature_skew: float = 1.0  # share of skewed vectors above which the features are wrong
    waiting: RetrainingDecision | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A cause that is there, and what shows it."""

    cause: Cause
    evidence: tuple[str, ...]
    columns: tuple[str, ...] = ()


def decide(
    looks: Sequence[Look], rules: RetrainingSection, now: Circumstances, at: str
) -> RetrainingDecision:
    """The decision of the first of `looks`, which are of one or several models, the newest first.

    Args:
        at: `now.now`, ISO 8601 UTC.
    """
    decision, waited = _decided(looks, rules, now, at), now.waiting
    goes_on = waited is not None and decision.key == waited.key and decision.action in ("train", "wait")
    return decision if waited is None or goes_on else replace(decision, dropped=waited.key)


def _decided(
    looks: Sequence[Look], rules: RetrainingSection, now: Circumstances, at: str
) -> RetrainingDecision:
    newest = looks[0]
    same = _of_one_model(looks, rules)
    found = list(_findings(same, rules, now))
    waiting = _waiting(newest, now.waiting)
    decision = RetrainingDecision(
        run=newest.run, at=at, model=newest.model, action="none", reason="nothing asks for it", looks=same
    )
    if found:
        decision = replace(
            decision,
            cause=found[0].cause,
            key=f"{found[0].cause}-{newest.run}",
            evidence=tuple(sentence for finding in found for sentence in finding.evidence),
            columns=tuple(dict.fromkeys(column for finding in found for column in finding.columns)),
        )
        if waiting is not None and waiting.cause == decision.cause:
            # what began then starts one run, not one each window
            decision = replace(decision, key=waiting.key)
    elif waiting is None:
        gone = now.waiting and f"the champion that `{now.waiting.key}` was about serves no more"
        return replace(decision, reason=gone or decision.reason)
    elif newest.measured:
        gone = f"the newest window does not show any more what `{waiting.key}` waited for"
        return replace(decision, reason=gone)
    else:
        kept = {name: getattr(waiting, name) for name in ("cause", "key", "evidence", "columns")}
        decision = replace(decision, **kept)
    if bad := list(_bad_data(newest, rules, now)):
        reason = f"no training while the data is bad: {'; '.join(bad)}"
        return replace(decision, action="hold-off", reason=reason)
    if busy := _busy(rules, now):
        return replace(decision, action="wait", reason=busy)
    return replace(decision, action="train", reason=decision.evidence[0])


def _of_one_model(looks: Sequence[Look], rules: RetrainingSection) -> tuple[Look, ...]:
    """Windows of another champion say nothing of this one; looks without a window take no place of one."""
    kept: list[Look] = []
    windows = 0
    for each in looks:
        if each.model != looks[0].model or windows == rules.of_windows:
            break
        windows += each.measured
        if each is looks[0] or each.measured:
            kept.append(each)
    return tuple(kept)


def _waiting(newest: Look, waiting: RetrainingDecision | None) -> RetrainingDecision | None:
    """What waited for a champion that is no more waits no longer."""
    return waiting if waiting is not None and waiting.model == newest.model else None


def _findings(looks: Sequence[Look], rules: RetrainingSection, now: Circumstances) -> Iterator[Finding]:
    """All causes there are, the surest first."""
    newest = looks[0]
    if newest.quality_breach:
        yield Finding(cause="quality", evidence=(f"realised quality is in breach: {newest.quality}",))
    if newest.measured:
        if at := _in_enough(looks, rules, lambda look: bool(look.estimate_breach)):
            sentence = f"estimated quality is in breach in {_of(at, looks, rules)}: {at[0].estimate}"
            yield Finding(cause="estimate", evidence=(sentence,))
        if at := _in_enough(looks, rules, lambda look: (look.drift or 0.0) > rules.drifted_share):
            columns = tuple(dict.fromkeys(column for look in at for column in look.drifted))
            kind = "the importance of drifted columns" if at[0].weighted else "the share of drifted columns"
            sentence = (
                f"{kind} is {at[0].drift:.2f}, above {rules.drifted_share:g} in {_of(at, looks, rules)}"
            )
            sentence += f": {', '.join(columns)}" if columns else ""
            yield Finding(cause="drift", evidence=(sentence,), columns=columns)
    if rules.every_days is not None and now.last_training is not None:
        days = (now.now - now.last_training) / DAY_SECONDS
        if days > rules.every_days:
            sentence = f"the last training began {days:.1f} days ago, over {rules.every_days:g}"
            yield Finding(cause="schedule", evidence=(sentence,))


def _in_enough(looks: Sequence[Look], rules: RetrainingSection, shows: Callable[[Look], bool]) -> list[Look]:
    """The windows that show it when they are enough, the newest among them; else none."""
    at = [look for look in looks if look.measured and shows(look)]
    return at if looks[0] in at and len(at) >= rules.windows else []


def _of(at: Sequence[Look], looks: Sequence[Look], rules: RetrainingSection) -> str:
    return f"{len(at)} of {sum(look.measured for look in looks)} windows (needs {rules.windows})"


def _bad_data(newest: Look, rules: RetrainingSection, now: Circumstances) -> Iterator[str]:
    if now.quarantined is not None:
        yield f"the newest drop is quarantined, {now.quarantined}"
    if newest.out_of_contract is not None and newest.out_of_contract > rules.out_of_contract:
        yield f"{newest.out_of_contract:.1%} of requests break the contract, over {rules.out_of_contract:.1%}"
    if newest.suspicious:
        yield f"the label feed is suspicious: {newest.suspicious}"
    if newest.skew is not None and newest.skew > now.feature_skew:
        yield f"`{newest.skewed}` is skewed in {newest.skew:.1%} of vectors, over {now.feature_skew:.1%}"


def _busy(rules: RetrainingSection, now: Circumstances) -> str | None:
    """What else goes on, or has gone on so lately or often that this one waits."""
    if now.training is not None:
        return f"a training run is in progress: {now.training}"
    if now.rollout is not None:
        return f"a rollout is in progress: {now.rollout}"
    # a run that is said to begin later than now: the clock was set back, and says nothing of how long ago
    ago = None if now.last_training is None else now.now - now.last_training
    if ago is not None and 0 <= ago < now.cooldown_seconds:
        return f"the last run began {ago:.0f} s ago; {now.cooldown_seconds - ago:.0f} s of cooldown are left"
    if now.started_today >= rules.budget_per_day:
        return f"{now.started_today} of {rules.budget_per_day} runs of this day have begun"
    return None
