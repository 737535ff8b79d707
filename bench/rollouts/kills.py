"""SIGKILL to all processes of a variant while users ask `predict`: all are answered, and told by whom."""

import json
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import boto3

from bench.rollouts import model
from bench.rollouts.place import FLIGHTS, LOOK_SECONDS, WEIGHTS, Place
from tidegate_cli import place as cli
from tidegate_cli.api import Answer, Api

FLIGHT = json.loads((FLIGHTS / "one.json").read_text())
ASKED_AFTER = 120  # requests from the kill on
CALLERS = 4
DEFAULT = 0.5  # what the bench's pipeline declares for when no model answers


@dataclass(frozen=True)
class Killed:
    """What users of `predict` got from the kill of one variant's processes on."""

    step: str
    victim: str  # champion or candidate
    processes: int
    asked: int
    refused: int  # another status than 200
    degraded: int  # answered by somebody else, and flagged so
    unflagged: int  # an answer of somebody else without the flag, or a flag on the model's own
    safe: bool  # whether the champion had all traffic once the rollout was stopped


def kills(place: Place) -> Iterator[Killed]:
    """Each variant in turn at each step."""
    for step in range(len(WEIGHTS)):
        for victim in ("champion", "candidate"):
            yield _kill(place, step, victim)


def _kill(place: Place, step: int, victim: str) -> Killed:
    api = _fresh(place)
    place.begin_at(step)
    champion = place.versions[place.champion()]
    execution = place.approve()
    weight = WEIGHTS[step]
    with ThreadPoolExecutor(CALLERS) as threads:
        while not (_has(place, weight) and _is_split(place, weight)):
            before = list(threads.map(lambda hour: _ask(api, hour), range(CALLERS)))
            if {"refused", "unflagged"} & {*before}:
                raise RuntimeError(f"before anything was killed, {before} were answered")
            place.pass_until(place.clock.time() + 0.2)
        killed = _sigkill(place, champion if victim == "champion" else place.candidate)
        kinds = Counter(threads.map(lambda number: _ask(api, number % 24), range(ASKED_AFTER)))
    place.client("stepfunctions").stop_execution(executionArn=execution)
    while place.ended(execution) is None or place.is_locked():
        time.sleep(LOOK_SECONDS)
    safe = list(place.shares()) == [place.champion()]
    place.calm()
    return Killed(
        f"{weight:.0%}",
        victim,
        killed,
        ASKED_AFTER,
        kinds["refused"],
        kinds["degraded"],
        kinds["unflagged"],
        safe,
    )


def _ask(api: Api, hour: int) -> str:
    return _kind(api.predict({**FLIGHT, "hour": hour}), hour)


def _kind(answer: Answer, hour: int) -> str:
    """The model never says one half, and who stands in for it always does."""
    if not answer.ok:
        return "refused"
    [prediction] = answer.body["predictions"]
    by_model = prediction["probability"] == model.expected(hour)
    if by_model == (answer.body["degraded"] is None) and (by_model or prediction["probability"] == DEFAULT):
        return "good" if by_model else "degraded"
    return "unflagged"


def _fresh(place: Place) -> Api:
    """The API with all circuits closed: the kill before opened some, and processes remember."""
    dynamodb, lambdas = place.client("dynamodb"), place.client("lambda")
    for name in ("variant-a", "variant-b", "endpoint"):
        dynamodb.delete_item(TableName=place.outputs["StateTable"], Key={"id": {"S": f"circuit#{name}"}})
    pages = lambdas.get_paginator("list_functions").paginate()
    [name] = [
        f["FunctionName"] for page in pages for f in page["Functions"] if ".predict." in f.get("Handler", "")
    ]
    lambdas.update_function_configuration(FunctionName=name, Description=uuid.uuid4().hex)
    session = boto3.Session(**cli.DUMMY)
    return Api(cli.Place(name="bench", prefix=place.prefix, session=session, url=place.url))


def _has(place: Place, weight: float) -> bool:
    shares = place.shares()
    return any(abs(share - weight) < 1e-6 for name, share in shares.items() if name != place.champion())  # noqa: PLR2004


def _is_split(place: Place, weight: float) -> bool:
    """Whether `predict` may know of it."""
    key = {"id": {"S": "split"}}
    item = place.client("dynamodb").get_item(TableName=place.outputs["StateTable"], Key=key).get("Item")
    return item is not None and float(item["weight"]["N"]) == weight


def _sigkill(place: Place, version: str) -> int:
    killed = 0
    for pid in model.processes(place.folder, version):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed
