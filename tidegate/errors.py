"""Every error a stage may raise on purpose.

Step Functions matches `ErrorEquals` on the exact class name and knows nothing of inheritance, so each name
below is part of the interface: renaming one means editing `step_functions/`.
"""


class TidegateError(Exception):
    """A failure we foresaw. `str()` of it is fit to show to a person."""

    def __init__(self, what: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        return told(self.what, self.cause, self.hint)


def told(what: str, cause: str, hint: str) -> str:
    """The lines of an error, less its first word; a cause or hint of several lines stays under its first."""
    lines = [what]
    for word, text in (("cause: ", cause), ("hint:  ", hint)):
        if text:
            lines.append(f"  {word}{text}".replace("\n", f"\n  {' ' * len(word)}"))
    return "\n".join(lines)


class ConfigError(TidegateError):
    """`pipeline.toml`, the contract or the features cannot be used. Nothing is synthesized or run."""


class DropUnreadableError(TidegateError):
    """The drop is not a file we can parse. Not retried; the drop is quarantined."""


class DatasetConflictError(TidegateError):
    """Other writers kept winning the commit of a dataset version. Retried by the state machine."""


class SchemaConflictError(TidegateError):
    """The table cannot hold columns as they are defined now. Nothing is written to it."""


class AmbiguousFeatureError(TidegateError):
    """A view's SQL gives two rows for one entity and tick. Nothing of the run is recorded."""


class ViewSqlError(TidegateError):
    """A view's SQL does not run on the dataset as it is now, or gives other columns. Nothing is recorded."""


class OnlineStoreBusyError(TidegateError):
    """DynamoDB kept throttling. Retried by the state machine: what was stored stays stored."""


class BackfillRefusedError(TidegateError):
    """What was asked to be computed again is no interval of time. Nothing is computed."""


class InsufficientDataError(TidegateError):
    """Too little labelled data to train on. The training run ends as skipped, with the reason."""


class TrialsFailedError(TidegateError):
    """More trials of a search failed than it may have, or none told all it must. No model is trained."""


class LeakDetectedError(TidegateError):
    """The training rows tell the label, the future, or the other side of a fold. Nothing is fitted."""


class PreflightFailedError(TidegateError):
    """An approved model package cannot be served as it is. Nothing is deployed."""


class CandidateUnhealthyError(TidegateError):
    """The candidate answered its golden rows wrongly or not at all. It is rolled back."""


class ArtefactError(TidegateError):
    """A model artefact is damaged, tampered with or not ours. It is never loaded, so never served."""


class NotCompilableError(TidegateError):
    """A fitted model has a part that cannot be written as numbers. It is served by scikit-learn instead."""
