"""`tidegate why` as a person reads it."""

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = 8  # features; the rest together
ID = 8  # digits of a drop that a person reads and types


def of_why(told: Mapping[str, Any]) -> Iterator[str]:
    """Lines, from the prediction back to its rows."""
    yield from _prediction(told["prediction"], told["outcome"])
    yield from _model(told["model"])
    yield from _score(told["score"])
    for value in told["values"]:
        yield from _value(value)
    yield from _training(told["training"])


def _prediction(made: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> Iterator[str]:
    which = f", instance {made['position']} of {made['instances']}" if made["instances"] > 1 else ""
    yield f"prediction  {made['inference_id']}{which}"
    yield f"            {_answer(made['answer'])} at {made['at']} by {made['variant']}"
    asked = ", ".join(f"{name} {value}" for name, value in made["instance"].items())
    yield f"asked       {asked}"
    if made["repeated"]:
        yield f"            captured {made['repeated']} more times under this id: the first is shown"
    if outcome is None:
        yield "outcome     not told yet"
    else:
        yield f"outcome     {outcome['told']}, observed {outcome['observed']}"


def _answer(answer: Mapping[str, Any]) -> str:
    if "label" in answer:
        return f"{answer['label']}, probability {answer['probabilities'][answer['label']]:.4f}"
    [(name, value)] = answer.items()
    return f"{name} {value:.4f}"


def _model(model: Mapping[str, Any]) -> Iterator[str]:
    if model["version"] is None:
        yield f"model       of run {model['run']}; {model['reason']}"
    else:
        yield f"model       version {model['version']}, of run {model['run']}, {model['approval']}"


def _score(score: Mapping[str, Any]) -> Iterator[str]:
    if "reason" in score:
        yield f"score       {score['reason']}"
        return
    of = f" of {score['output']}" if score["output"] else ""
    yield f"score       {score['margin']:+.4f}{of}, from {score['base']:+.4f}, by {score['method']}"
    yield f"            {score['scale']}"
    features = score["features"]
    for each in features[:SHOWN]:
        yield f"  {each['adds']:+9.4f} {each['feature']} = {_plain(each['value'])}"
    rest = features[SHOWN:]
    if rest:
        yield f"  {sum(each['adds'] for each in rest):+9.4f} {len(rest)} other features together"
    if score["apart"]:
        yield f"            the model answers {score['apart']:.3g} apart from what was captured"


def _value(value: Mapping[str, Any]) -> Iterator[str]:
    entity = ", ".join(str(part) for part in value["entity"])
    head = f"looked up   {value['view']} of {entity}"
    if value["state"] != "usable":
        newest = f"; the newest is of {value['event_ts']}" if value["event_ts"] else ""
        yield f"{head}: {value['state']}{newest}; the model took its default"
        return
    outputs = ", ".join(f"{name} {_plain(each)}" for name, each in value["outputs"].items())
    revision = "" if value["revision"] is None else f", of state {value['revision']} of the dataset"
    yield f"{head}: {outputs}"
    yield f"            of {value['event_ts']}{revision}"
    for drop in value["drops"]:
        period = f"{drop['first_event']} to {drop['last_event']}"
        yield f"  drop {drop['drop_id'][:ID]}  {drop['rows']:>9,} rows of {period}  {drop['key']}"


def _training(run: Mapping[str, Any]) -> Iterator[str]:
    if "run" not in run:
        yield f"trained     {run['reason']}"
        return
    rows = f", {run['rows']:,} rows" if "rows" in run else f"; {run['reason']}"
    yield f"trained     on {run['dataset']}@{run['snapshot_id']}{rows}"
    if run["trigger"]:
        asked = f"asked for by {run['trigger']}"
        yield f"            {asked}" + ("" if run["cause"] == asked else f": {run['cause']}")
    for drop in run["drops"]:
        yield f"  drop {drop['drop_id'][:ID]}  {drop['rows']:>9,} rows, {drop['verdict']}  {drop['key']}"
    yield f"features    {run['feature_hash'][:16]}: {', '.join(run['views']) or 'no views'}"


def _plain(value: Any) -> str:
    return "missing" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
