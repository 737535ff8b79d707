"""How old the model that serves is, and the features it looks up; ages are never below zero."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.messages.message import Message

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class ModelAge(Message):
    """The champion: since when it is there, and since when it serves."""

    model_version: int
    variant: str
    trained_at: str  # ISO 8601 UTC; when its package was registered, at the end of its run
    trained_days: float
    serving_since: str
    serving_days: float


@dataclass(frozen=True, kw_only=True)
class ViewAge(Message):
    """One view that the champion looks up.

    Since its rows were recorded, not since their own moments: a source that delivers the past, as a replay
    does, is not late.
    """

    view: str  # its version
    recorded_at: str | None  # ISO 8601 UTC; None when nothing ever was
    age_seconds: float | None
    newest_tick: int | None  # seconds since the epoch


def model_age(version: int, variant: str, *, trained: datetime, serving: datetime, now: datetime) -> ModelAge:
    return ModelAge(
        model_version=version,
        variant=variant,
        trained_at=trained.isoformat(),
        trained_days=_since(trained, now) / DAY,
        serving_since=serving.isoformat(),
        serving_days=_since(serving, now) / DAY,
    )


def view_age(view: str, recorded_at: str | None, newest_tick: int | None, *, now: datetime) -> ViewAge:
    age = None if recorded_at is None else _since(datetime.fromisoformat(recorded_at), now).total_seconds()
    return ViewAge(view=view, recorded_at=recorded_at, age_seconds=age, newest_tick=newest_tick)


def oldest(views: tuple[ViewAge, ...]) -> float | None:
    """Seconds; None when no view has rows."""
    return max((view.age_seconds for view in views if view.age_seconds is not None), default=None)


def _since(moment: datetime, now: datetime) -> timedelta:
    return max(timedelta(0), now - moment)
