"""The List calls: filter, sort and page what Describe answers, by the names that all of them share."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from moto.sagemaker.exceptions import ValidationError

Answer = Mapping[str, Any]

PAGE = 100  # results without MaxResults; AWS documents 10 for some calls and nothing for others


def listing(
    answers: Iterable[Answer],
    request: Mapping[str, Any],
    *,
    noun: str,
    into: str,
    sort_by: str = "CreationTime",
    order: str = "Ascending",
    named: str | None = None,
) -> dict[str, Any]:
    """One page of `answers` under the member `into`.

    Args:
        noun: how members are named: "TrainingJob" has TrainingJobName and TrainingJobStatus.
        sort_by, order: what the call does when the request does not say.
        named: the member that NameContains and sorting by Name look at; `noun`Name by default.
    """
    named = named or f"{noun}Name"
    wanted = [answer for answer in answers if _matches(answer, request, noun, named)]
    field = request.get("SortBy", sort_by)
    member = {"Name": named, "Status": f"{noun}Status"}.get(field, field)
    wanted.sort(key=lambda answer: answer.get(member, ""))
    if request.get("SortOrder", order) == "Descending":
        wanted.reverse()
    return page(wanted, request, into=into)


def page(found: list[Any], request: Mapping[str, Any], *, into: str) -> dict[str, Any]:
    """The slice of `found` that the request's token and size ask for."""
    token = request.get("NextToken") or "0"
    if not token.isdecimal():
        raise ValidationError(f"Invalid pagination token: {token!r}")
    start, size = int(token), request.get("MaxResults", PAGE)
    result: dict[str, Any] = {into: found[start : start + size]}
    if start + size < len(found):
        result["NextToken"] = str(start + size)
    return result


def pick(answer: Answer, names: Iterable[str]) -> dict[str, Any]:
    """A summary: those members that there are."""
    return {name: answer[name] for name in names if name in answer}


def _matches(answer: Answer, request: Mapping[str, Any], noun: str, named: str) -> bool:
    status = answer.get(f"{noun}Status")
    if request.get("NameContains", "").lower() not in answer[named].lower():
        return False
    if request.get("StatusEquals") not in {None, status}:
        return False
    for member in ("CreationTime", "LastModifiedTime"):
        when = answer.get(member, answer["CreationTime"])
        after, before = request.get(f"{member}After"), request.get(f"{member}Before")
        if after is not None and when.timestamp() <= _seconds(after):
            return False
        if before is not None and when.timestamp() >= _seconds(before):
            return False
    return True


def _seconds(moment: Any) -> float:
    """As moto's parser gives it: a datetime without a zone, in UTC, or the number of the wire."""
    if isinstance(moment, int | float):
        return float(moment)
    return float((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
