"""Moments in time as text and as seconds since the epoch, always UTC."""

from datetime import UTC, datetime


def seconds(text: str) -> float:
    """An ISO 8601 instant as seconds since the epoch; one without offset is UTC.

    Raises:
        ValueError: the text is no such instant.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
