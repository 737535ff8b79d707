"""What a person reads of an incident: a letter by mail, a line in a digest.

Pure. A subject has what SNS takes: at most 100 characters of ASCII in one line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.incidents.incident import Incident, News
from tidegate.messages.message import Message

SUBJECT_CHARACTERS = 100
LINES = 100  # of a digest
LONGEST = 500  # characters of one sentence
_VERBS: dict[News, str] = {"opened": "", "reopened": "again: ", "recovered": "recovered: "}


@dataclass(frozen=True, kw_only=True)
class Letter(Message):
    subject: str
    body: str


def letter(prefix: str, incident: Incident, news: News) -> Letter:
    """One message about one incident."""
    head = _headline(incident, news)
    rows = "\n".join(f"  {name:<10}{text}" for name, text in _rows(incident, news))
    return Letter(subject=_subject(f"{prefix}: {head}"), body=f"{head}\n{rows}\n")


def line(incident: Incident, news: News) -> str:
    """The same in one line, with the id to ask for."""
    return f"{incident.id}  {incident.opened[:19]}  {_headline(incident, news)}"


def digest(prefix: str, lines: Sequence[str]) -> Letter:
    """Several incidents that were held back, as one message."""
    shown = [f"  {each}" for each in lines[:LINES]]
    more = [f"  and {len(lines) - LINES} more"] if len(lines) > LINES else []
    text = "\n".join([f"{len(lines)} incidents were held back", *shown, *more])
    return Letter(subject=_subject(f"{prefix}: {len(lines)} incidents were held back"), body=text + _LIST)


def storm(prefix: str, newest: str, count: int) -> Letter:
    """Said once when incidents come faster than anybody reads."""
    head = f"a storm: {count} incidents within a minute"
    text = f"{head}; those that follow come in one message\n  {newest}"
    return Letter(subject=_subject(f"{prefix}: {head}"), body=text + _LIST)


_LIST = "\n  next      tidegate incidents list\n"


def _headline(incident: Incident, news: News) -> str:
    if news != "recovered" or not incident.outcome:
        return f"{_VERBS[news]}{incident.what}"
    return incident.outcome if incident.kind == "retraining" else f"recovered: {incident.what}"


def _rows(incident: Incident, news: News) -> Iterator[tuple[str, str]]:
    over = f" until {incident.recovered[:19]}" if incident.recovered else ""
    yield "since", f"{incident.opened[:19]}{over} UTC"
    for name in ("model", "drop", "window"):
        if text := getattr(incident, name):
            yield name, text
    if incident.columns:
        yield "columns", ", ".join(incident.columns)
    for sentence in incident.evidence:
        yield "evidence", sentence[:LONGEST]
    if incident.flaps:
        yield "flapping", f"it came again {incident.flaps} times"
    for name in ("action", "outcome", "runbook"):
        if text := getattr(incident, name):
            yield name, text[:LONGEST]
    if news != "recovered":
        for command in incident.next:
            yield "next", command
    yield "record", f"tidegate incidents show {incident.id}"


def _subject(text: str) -> str:
    one = " ".join(text.encode("ascii", "replace").decode().split())
    return one if len(one) <= SUBJECT_CHARACTERS else f"{one[: SUBJECT_CHARACTERS - 3]}..."
