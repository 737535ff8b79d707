"""A messages.OperationsMeasured in words: how the endpoint did, and how old what it serves is."""

from typing import Any

SECONDS_PER_HOUR = 3600


def operated(measured: dict[str, Any]) -> str:
    """Requests with what went wrong; nothing is said of what nobody measured."""
    requests = measured["requests"]
    parts = [f"{requests:,} request{'' if requests == 1 else 's'}"]
    if measured["error_share"] is not None:
        parts.append(f"{measured['error_share']:.1%} errors")
    if measured["p99_ms"] is not None:
        parts.append(f"p99 {measured['p99_ms']:.3g} ms")
    if measured["fallback_share"] is not None:
        parts.append(f"{measured['fallback_share']:.1%} fallbacks")
    return ", ".join(parts)


def ages(measured: dict[str, Any]) -> str:
    model, features = measured["model_age_days"], measured["feature_age_seconds"]
    parts = [] if model is None else [f"model {model:.1f} days old"]
    if features is not None:
        parts.append(f"features {features / SECONDS_PER_HOUR:.1f} h old")
    return ", ".join(parts)
