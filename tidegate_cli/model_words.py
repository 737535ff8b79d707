"""Lines for people about model versions."""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate_cli.model_diff import ModelDiff, Pair, Side
from tidegate_cli.registered import Registered

_LONG = 40  # hashes and the like are told by their first digits
_SHOWN = 16
_PARTS = ("parameters", "data", "code", "versions", "artefact")


def of_version(found: Registered) -> str:
    """One line: which, how good, what became of it, who said so."""
    by = f"by {found.by}" if found.by else ""
    facts = [
        f"{found.version:>4}",
        f"{found.run:<19}",
        f"{found.approval:<21}",
        f"{_metric(found):<36}",
        f"{found.live or '':<15}",
        found.created[:16].replace("T", " "),
        by,
    ]
    return "  ".join(facts).rstrip()


def of_model(
    found: Registered, manifest: Mapping[str, Any], evaluation: Mapping[str, Any] | None, size_bytes: int
) -> Iterator[str]:
    """All there is to know of a version."""
    yield f"version     {found.version}   run {found.run}   {found.live or 'takes no traffic'}"
    yield f"arn         {found.arn}"
    decided = f"   {found.decided_at}" if found.decided_at else ""
    by = f" by {found.by}" if found.by else ""
    yield f"approval    {found.approval}{by}{decided}"
    if found.reason:
        yield f"            {found.reason}"
    yield f"metric      {_metric(found) or 'not told'}"
    for reason in (evaluation or {}).get("gate", {}).get("reasons", []):
        yield f"gate        {reason}"
    yield f"data        {manifest.get('snapshot', '')}, {manifest.get('rows', 0):,} rows to train"
    yield f"features    {str(manifest.get('feature_hash', ''))[:_SHOWN]}"
    parameters = ", ".join(f"{name} {value}" for name, value in manifest.get("parameters", {}).items())
    yield f"parameters  {parameters}"
    libraries = {"python": manifest.get("python"), **manifest.get("libraries", {})}
    yield f"versions    {', '.join(f'{name} {value}' for name, value in libraries.items())}"
    yield f"artefact    {found.model_uri}, {size_bytes:,} bytes"
    for name, value in found.metadata.items():
        if name not in ("run", "metric", "metric_name", "metric_low", "metric_high"):
            yield f"lineage     {name:<17} {value}"


def of_diff(a: Side, b: Side, found: ModelDiff) -> Iterator[str]:
    yield f"a           {a.name}"
    yield f"b           {b.name}"
    for name, pair in found.scores.items():
        one, other = (_score(value) for value in pair)
        yield f"metric      {name}: {one} -> {other}"
    if not found.same_test_rows:
        yield "            on other test rows: the gate compares on the same ones, this does not"
    for part in _PARTS:
        members: dict[str, Pair] = getattr(found, part)
        for name, (one, other) in members.items():
            yield f"{part:<11} {name}: {_short(one)} -> {_short(other)}"


def _metric(found: Registered) -> str:
    if found.metric is None:
        return ""
    interval = "" if found.low is None or found.high is None else f" [{found.low:.4f}, {found.high:.4f}]"
    return f"{found.metric_name} {found.metric:.4f}{interval}".strip()


def _score(value: Any) -> str:
    if value is None:
        return "not told"
    if not isinstance(value, Mapping):
        return f"{value:.4g}"
    interval = f" [{value['low']:.4f}, {value['high']:.4f}]" if "low" in value else ""
    return f"{value['value']:.4f}{interval}"


def _short(value: Any) -> str:
    text = "none" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return text if len(text) <= _LONG else text[:_SHOWN]
