"""What the window says in a few sentences: the page's headline, and `tidegate monitor show` in a terminal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tidegate.monitoring.page.documents import Documents
from tidegate.report import words

Kind = Literal["e", "w", "g", ""]  # error, warning, good, no news
_NAMED = 5  # columns in a sentence


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: Kind
    word: str
    sentence: str  # `names` are between back quotes


def findings(documents: Documents) -> list[Finding]:
    """In the order a person wants them: quality first, then inputs, then how it was served."""
    return [
        *_quality(documents),
        *_drift(documents),
        *_requests(documents),
        *_skew(documents),
        *_alarms(documents),
        *_decision(documents),
    ]


def _quality(documents: Documents) -> Iterator[Finding]:
    quality = documents.quality
    if quality is None:
        yield Finding(kind="", word="missing", sentence="Quality was not measured.")
        return
    metric, realised, labels = quality["metric"], quality["realised"], quality["labels"]
    share = words.percent(labels["coverage"] or 0)
    coverage = f"{labels['labelled']:,} of {labels['predictions']:,} predictions ({share})"
    if realised["status"] == "insufficient":
        sentence = f"Too few outcomes for `{metric}`: {realised['rows']:,} so far, of {coverage}."
        yield Finding(kind="", word="quality", sentence=sentence)
    else:
        promised = quality["promised"]["value"]
        interval = f"{realised['value']:.4f} [{realised['low']:.4f}, {realised['high']:.4f}]"
        breach = realised["status"] == "breach"
        told = f"`{metric}` {interval} from outcomes of {coverage}"
        yield Finding(
            kind="e" if breach else "g",
            word="breach" if breach else "kept",
            sentence=f"{told}; the evaluation promised {promised:.4f}.",
        )
    guess = quality.get("estimate") or {}
    if guess.get("value") is not None:
        breach = guess["status"] == "breach"
        yield Finding(
            kind="w" if breach else "g",
            word="estimate",
            sentence=f"Without waiting for outcomes, `{metric}` is estimated at {guess['value']:.4f}.",
        )
    if labels.get("contradicted"):
        one = labels["contradicted"] == 1
        count = "One prediction was" if one else f"{labels['contradicted']:,} predictions were"
        sentence = f"{count} told two different outcomes."
        yield Finding(kind="w", word="outcomes", sentence=sentence)


def _drift(documents: Documents) -> Iterator[Finding]:
    measurement = documents.measurement
    if measurement is None:
        why = documents.window.reason or "no measurement of it is there"
        yield Finding(kind="", word="missing", sentence=f"Requests were not compared with training: {why}.")
        return
    summary = measurement["summary"]
    drifted = [each["column"] for each in summary.get("drifted", [])]
    if drifted:
        named = ", ".join(f"`{name}`" for name in drifted[:_NAMED])
        more = f" and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
        be = "has" if len(drifted) == 1 else "have"
        yield Finding(kind="e", word="drift", sentence=f"{named}{more} {be} moved from the training data.")
    else:
        yield Finding(kind="g", word="inputs", sentence="No request column has moved from the training data.")
    together = measurement.get("domain") or {}
    if together.get("status") == "alarm":
        named = ", ".join(f"`{each['column']}`" for each in together["columns"][:_NAMED])
        sentence = f"A classifier tells requests from training rows, mostly by {named}."
        yield Finding(kind="w", word="together", sentence=sentence)
    prediction = summary.get("prediction") or {}
    if prediction.get("status") == "alarm":
        moved = f"Predictions have moved: PSI {prediction['psi']:.2f} on `{prediction['column']}`."
        yield Finding(kind="w", word="drift", sentence=moved)


def _requests(documents: Documents) -> Iterator[Finding]:
    unreadable = documents.metric("UnreadableRecords")
    if unreadable:
        yield Finding(
            kind="w", word="captures", sentence=f"{unreadable:,.0f} captured records could not be read."
        )
    outside = documents.metric("OutOfContractShare")
    if outside:
        sentence = f"{words.percent(outside)} of the requests break a rule of the contract."
        yield Finding(kind="w", word="contract", sentence=sentence)


def _skew(documents: Documents) -> Iterator[Finding]:
    if documents.skew is None:
        return
    wrong = [each for each in documents.skew.get("features", ()) if each.get("differing")]
    if wrong:
        worst = max(wrong, key=lambda each: each["rate"])
        sentence = (
            f"`{worst['feature']}` was served otherwise than training would have it, in "
            f"{words.percent(worst['rate'])} of {documents.skew['rows']:,} rows."
        )
        yield Finding(kind="e", word="skew", sentence=sentence)


def _alarms(documents: Documents) -> Iterator[Finding]:
    ringing = [alarm.name for alarm in documents.alarms if alarm.state == "ALARM"]
    if ringing:
        named = ", ".join(f"`{name}`" for name in ringing[:_NAMED])
        more = f" and {len(ringing) - _NAMED} more" if len(ringing) > _NAMED else ""
        yield Finding(kind="e", word="alarms", sentence=f"Ringing: {named}{more}.")


def _decision(documents: Documents) -> Iterator[Finding]:
    decision = documents.decision or {}
    action, reason = decision.get("action"), decision.get("reason")
    if isinstance(action, str):
        because = f": {reason}" if isinstance(reason, str) and reason else ""
        yield Finding(kind="", word="decision", sentence=f"{action}{because}.".replace("..", "."))
