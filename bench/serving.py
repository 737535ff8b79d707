"""What serving costs beside the limit, the C floor and other servers: one model, one run, one core each.

Cost is CPU time, of the server's processes for each request or of a call: of several rounds the least, as
neighbours only add. `throughput` is requests for each CPU second, what a core to itself gives; requests a
second as wrk saw them are told beside it. Peers are installed in environments of their own; one that cannot
be is said to be skipped.
"""

import contextlib
import io
import json
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from subprocess import CalledProcessError, TimeoutExpired
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from bench.report import Figure, main
from bench.serving_floor import floor
from bench.serving_load import Closed, closed, open_loop, quantile, running
from bench.serving_model import Served, made
from bench.serving_servers import Contender, echoes, ours, peers
from tidegate.serving import fallback_file
from tidegate.serving.fallback import FallbackModel
from training_jobs.serve import read
from training_jobs.serving.invocation import Invocation

ROUNDS = 5  # in which the contenders take turns
PEER_ROUNDS = 3  # of each of the others, beside which nothing else runs
SECONDS = 2
SLICES = 40  # of calls within this process, each shorter than what a scheduler gives at a time
Calls = dict[str, tuple[Callable[[], Any], int]]  # what is called, and how often in a round
MANY = 100  # rows of the larger body
IN_TURN = 1000  # different rows, one a request
RATE = 200.0  # requests a second of the open loop
TIMES_LEAST = {
    "Flask + sklearn": 50,
    "MLServer + sklearn": 50,
    "mlflow models serve": 50,
    "BentoML + our scorer": 15,
}


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        served = made(folder)
        with threadpool_limits(1):
            figures = _of_scorer(served, folder)
        figures.append(_of_fallback(served))
        figures += _of_servers(served, folder)
    return figures


def _of_scorer(served: Served, folder: Path) -> list[Figure]:
    ask = Invocation(read(served.artefact))
    body = served.body(1)

    def usual() -> bytes:
        frame = pd.DataFrame(json.loads(body)["instances"])
        found = served.pipeline.predict_proba(frame)[:, 1].tolist()
        return json.dumps({"predictions": found}).encode()

    said = json.loads(ask(body)[0])["predictions"][0]["probability"]
    apart = abs(said - json.loads(usual())["predictions"][0])
    # one row again and again teaches the processor its branches; traffic does not
    mine, its = (cycle([served.body(1, first) for first in range(IN_TURN)]) for _ in range(2))
    calls: Calls = {
        "ours": (lambda: ask(body), 300),
        "ours, in turn": (lambda: ask(next(mine)), 300),
        "usual": (usual, 3),
    }
    least = floor(json.loads((served.artefact / "compiled.json").read_bytes()), folder)
    if least is not None:
        if json.loads(least(body))["predictions"][0]["probability"] != said:
            raise SystemExit("the C floor does not say what we say")
        calls["floor"] = (lambda: least(body), 300)
        calls["floor, in turn"] = (lambda: least(next(its)), 300)
    cost = _in_turn(calls)
    figures = [
        Figure("one row, bytes to bytes", cost["ours"], "us CPU"),
        Figure(f"  of {IN_TURN} in turn", cost["ours, in turn"], "us CPU"),
        Figure("the same from dicts by scikit-learn", cost["usual"], "us CPU"),
        Figure("  over ours", cost["usual"] / cost["ours"], "x", 200, "least"),
        Figure("  difference to scikit-learn", apart, "", 1e-12),
    ]
    if "floor" not in cost:
        return [*figures, Figure("over the C floor", None, "x", 2.5, skipped="no C compiler")]
    return [
        *figures,
        Figure("the C floor, bytes to bytes", cost["floor"], "us CPU"),
        Figure("ours over the C floor", cost["ours"] / cost["floor"], "x", 2.5),
        Figure(f"  of {IN_TURN} rows in turn", cost["ours, in turn"] / cost["floor, in turn"], "x", 2.5),
    ]


def _in_turn(calls: Calls) -> dict[str, float]:
    """CPU microseconds of a call of each, the least of rounds in which all take their turn."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(SLICES):
        for name, (call, times) in calls.items():
            call()
            began = time.process_time()
            for _ in range(times):
                call()
            found[name].append((time.process_time() - began) / times * 1e6)
    return {name: min(costs) for name, costs in found.items()}


def _of_fallback(served: Served) -> Figure:
    """The champion inside `predict`, from instances to answers."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(served.artefact, arcname=".")
    packed = fallback_file.packed(archive.getvalue())
    if packed is None:
        raise SystemExit("a compiled model has a fallback")
    model = FallbackModel(json.loads(packed))
    instances = served.records[:1]
    cost = _in_turn({"": (lambda: model.answers(instances), 100)})[""]
    return Figure("the champion inside predict, one row", cost / 1000, "ms CPU", 1)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One contender in all its rounds."""

    one: list[Closed]
    many: list[Closed]
    p99_us: list[float]
    ready_seconds: float
    ready_cpu_seconds: float
    resident_mb: float

    @property
    def cpu_us(self) -> float:
        return min(each.cpu_us for each in self.one)

    @property
    def many_us(self) -> float:
        return min(each.cpu_us for each in self.many)

    @property
    def per_second(self) -> float:
        return max(each.per_second for each in self.one)


def _of_servers(served: Served, folder: Path) -> list[Figure]:
    raw, asgi = echoes(served)
    mine = ours(served, folder / "ml")
    found = _taking_turns([raw, asgi, mine])
    cost, echo = found["tidegate"], found["raw echo"]
    figures = [
        Figure("server: ready after", cost.ready_cpu_seconds, "CPU s", 0.5),
        Figure("  on this machine's clock", cost.ready_seconds, "s"),
        Figure("server: resident memory", cost.resident_mb, "MB", 60),
        *(Figure(f"{name}: one row", each.cpu_us, "us CPU a request") for name, each in found.items()),
        *(Figure(f"{name}: one row, by wrk", each.per_second, "requests/s") for name, each in found.items()),
        Figure("server over raw echo", cost.cpu_us / echo.cpu_us, "x", 6),
        Figure("server over uvicorn's echo", cost.cpu_us / found["uvicorn echo"].cpu_us, "x", 2),
        *(Figure(f"{name}: p99 at {RATE:g}/s", min(each.p99_us), "us") for name, each in found.items()),
        Figure("p99 over raw echo's", min(cost.p99_us) / min(echo.p99_us), "x", 3),
        Figure(f"tidegate: {MANY} rows", cost.many_us, "us CPU a request"),
    ]
    for peer in peers(served, folder):
        figures += _beside(peer, cost)
    return figures


def _taking_turns(contenders: Sequence[Contender]) -> dict[str, Measured]:
    """All run at once and are asked one after the other: what disturbs one for a while disturbs them all."""
    with contextlib.ExitStack() as stack:
        servers = [(each, stack.enter_context(running(each.make()))) for each in contenders]
        one: dict[str, list[Closed]] = defaultdict(list)
        p99_us: dict[str, list[float]] = defaultdict(list)
        for contender, server in servers:
            closed(server, contender.body(1), SECONDS)  # warm
        for number in range(ROUNDS):
            for contender, server in servers:
                one[contender.name].append(closed(server, contender.body(1), SECONDS))
                latencies = open_loop(server, contender.body(1), rate=RATE, seconds=SECONDS, seed=number)
                p99_us[contender.name].append(quantile(latencies, 0.99))
        resident_mb = {contender.name: server.resident_mb() for contender, server in servers}
        many: dict[str, list[Closed]] = defaultdict(list)  # the last: it makes us import numpy
        for _ in range(ROUNDS):
            for contender, server in servers:
                many[contender.name].append(closed(server, contender.body(MANY), SECONDS, connections=2))
        found = {
            contender.name: Measured(
                one=one[contender.name],
                many=many[contender.name],
                p99_us=p99_us[contender.name],
                ready_seconds=server.ready_seconds,
                ready_cpu_seconds=server.ready_cpu_seconds,
                resident_mb=resident_mb[contender.name],
            )
            for contender, server in servers
        }
    for name, each in found.items():
        if refused := sum(closed.failed for closed in (*each.one, *each.many)):
            raise SystemExit(f"{name} refused {refused} requests")
    return found


def _beside(peer: Contender, ours: Measured) -> list[Figure]:
    """What a peer costs, and how much more than we do."""
    least = TIMES_LEAST.get(peer.name)
    name = f"{peer.name}: throughput"
    try:
        server = peer.make()
        with running(server) as running_peer:
            body, many_body = peer.body(1), peer.body(MANY)
            running_peer.ask(body)
            closed(running_peer, body, SECONDS)
            one = [closed(running_peer, body, SECONDS) for _ in range(PEER_ROUNDS)]
            many = [closed(running_peer, many_body, SECONDS, connections=2) for _ in range(PEER_ROUNDS)]
            ready = running_peer.ready_seconds
    except (CalledProcessError, TimeoutExpired, OSError, RuntimeError) as cause:
        text = getattr(cause, "stderr", None) or str(cause)
        last = str(text).strip().splitlines()[-1:]
        return [Figure(name, None, "x", least, "least", skipped=" ".join(last)[:160])]
    if refused := sum(each.failed for each in (*one, *many)):
        sys.stderr.write(f"{peer.name} refused {refused} requests\n")
    cost, many_cost = (min(each.cpu_us for each in rounds) for rounds in (one, many))
    at_least = 8 if peer.name == "Flask + sklearn" else None
    return [
        Figure(f"{peer.name}: one row", cost, "us CPU a request"),
        Figure(f"{peer.name}: one row, by wrk", max(each.per_second for each in one), "requests/s"),
        Figure(f"{peer.name}: ready after", ready, "s"),
        Figure("  our throughput over its", cost / ours.cpu_us, "x", least, "least"),
        Figure(f"  the same of {MANY} rows", many_cost / ours.many_us, "x", at_least, "least"),
    ]


if __name__ == "__main__":
    main("serving", measure)
