"""What the steps of a rollout hand each other: plans, evidence, judgements."""

from dataclasses import dataclass
from typing import Literal

from tidegate.messages.message import Message


@dataclass(frozen=True, kw_only=True)
class RolloutStep(Message):
    """Give the candidate `weight` of the traffic, watch it for `bake_seconds` at a time."""

    weight: float  # share in (0, 1]
    bake_seconds: int
    minimum_requests: int  # of the candidate in this step, before it may advance
    hold_hours: float = 0.0  # it lasts at least so long
    minimum_outcomes: int = 0  # of the candidate; above 0 the step is judged by outcomes too


@dataclass(frozen=True, kw_only=True)
class RolloutPlan(Message):
    """Everything the deployment machine needs to know about a candidate before it touches the endpoint."""

    model_package_arn: str
    model_version: int
    model_name: str
    config_name: str  # both variants, candidate at weight 0; the candidate alone when it is the first
    final_config_name: str  # the candidate alone
    candidate_variant: str
    champion_variant: str | None
    champion_model_name: str | None
    champion_config_name: str | None
    manifest_sha256: str  # of the artefact that was verified, in hexadecimal; serving takes no other
    started: str  # ISO 8601 UTC; traffic is counted from here
    steps: tuple[RolloutStep, ...]
    champion_package_arn: str | None = None
    champion_version: int | None = None
    champion_since: str | None = None  # ISO 8601 UTC
    candidate_instances: int = 1  # it begins with


BadEvent = Literal["errors", "slow", "timeouts", "fallbacks", "invalid"]


@dataclass(frozen=True, kw_only=True)
class VariantCounts(Message):
    """Requests of one variant since some moment, and how many of them went wrong; one may in several ways."""

    variant: str
    requests: int
    errors: int  # no answer with status 2xx
    slow: int = 0  # above the latency objective
    timeouts: int = 0  # seen by Predict
    fallbacks: int = 0  # answered by something else than the variant
    invalid: int = 0  # answers that are none of the task


@dataclass(frozen=True, kw_only=True)
class GuardrailEvidence(Message):
    """What one kind of bad events says against the candidate in the current step."""

    name: BadEvent
    candidate: int  # bad events
    champion: int
    evidence: float  # e-value; 1 is none
    limit: float = 0.0  # share of the candidate's requests that may be so at most


@dataclass(frozen=True, kw_only=True)
class OutcomeEvidence(Message):
    """What outcomes say: bounds on how much larger the candidate's mean loss is, that hold at all times."""

    champion: int  # outcomes known
    candidate: int
    champion_loss: float
    candidate_loss: float
    margin: float  # the candidate's loss may be larger by so much
    lower: float | None  # None while too few are known
    upper: float | None
    more: int | None = None  # of the candidate until the bounds decide, going on as so far


@dataclass(frozen=True, kw_only=True)
class SplitEvidence(Message):
    """Whether the traffic was split as told: requests in whole minutes of the step alone."""

    candidate: int
    champion: int
    evidence: float  # e-value; 1 is none
    needed: float  # so much freezes the rollout


@dataclass(frozen=True, kw_only=True)
class MirrorReport(Message):
    """How the candidate answered copied requests. Differences are absolute, of probabilities or values."""

    requests: int
    rows: int  # answered
    failed: int  # requests without an answer
    invalid: int  # rows
    slow: int  # requests
    flipped: int  # rows for which another class follows, or the other side of one half
    median_difference: float | None  # None without rows, or when infinite
    p99_difference: float | None
    largest_difference: float | None
    median_ms: float | None
    p99_ms: float | None
    evidence: float  # e-value against the candidate
    needed: float


@dataclass(frozen=True, kw_only=True)
class RolloutJudgement(Message):
    """What JudgeRollout says after a bake. Missing data never advances a rollout."""

    decision: Literal["advance", "wait", "hold", "roll-back"]
    reason: str
    candidate_requests: int
    candidate_errors: int
    champion_requests: int
    champion_errors: int
    evidence: float  # e-value against the candidate, over all guardrails
    totals: tuple[VariantCounts, ...]  # since the rollout started; the next step counts from here
    needed: float = 0.0  # roll back at so much evidence
    more_requests: int = 0  # of the candidate until it has the least that the step asks for
    guardrails: tuple[GuardrailEvidence, ...] = ()
    outcomes: OutcomeEvidence | None = None
    split: SplitEvidence | None = None  # None where entities are dealt, or all traffic is the candidate's


@dataclass(frozen=True, kw_only=True)
class Restoration(Message):
    """What RestoreTraffic found of a rollout whose machine is dead, and what is to be done next.

    `nothing`: it undid what it did. `wait`: look again, the endpoint is being changed. `return`: the champion
    gets all the traffic. `isolate`: it gets the endpoint to itself. `delete`: the endpoint has no champion.
    `release`: all is done but the lock. `give-up`: a person must look.
    """

    do: Literal["nothing", "wait", "return", "isolate", "delete", "release", "give-up"]
    reason: str = ""
    champion_variant: str | None = None
    champion_version: int | None = None
    others: tuple[str, ...] = ()  # variants beside it
    config_name: str | None = None  # of the endpoint as it is
    model_package_arn: str = ""  # that was rolled out
