"""Servers on one core and what asks them from the other: wrk in a closed loop, ours in an open one.

A server's cost is the CPU time of its processes, which neighbours on a shared machine inflate least. In the
open loop a latency counts from when its request was meant to be sent (Poisson arrivals), so a server that
stalls is charged for whoever waited.
"""

import asyncio
import contextlib
import json
import math
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SERVER_CORE, CLIENT_CORE = "1", "0"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
READY_SECONDS = 90
CONNECTIONS = 8
HERTZ = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Server:
    """How one is started; `{port}` in its words is where it listens."""

    name: str
    argv: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    ping: str = "/ping"
    path: str = "/invocations"


class Running:
    """One that answers; `ready_seconds` after its start."""

    def __init__(self, server: Server, process: subprocess.Popen[bytes], port: int, seconds: float) -> None:
        self.server = server
        self.process = process
        self.port = port
        self.ready_seconds = seconds
        self.ready_cpu_seconds = self.cpu_seconds()
        self.url = f"http://127.0.0.1:{port}{server.path}"

    def processes(self) -> list[int]:
        """The process and all that descend from it: some start workers in groups of their own."""
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    told = (entry / "stat").read_text().rpartition(")")[2].split()
                    parents[int(entry.name)] = int(told[1])
        found = [self.process.pid]
        for pid in found:  # which grows as it is read
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu_seconds(self) -> float:
        return sum(_ticks(pid) for pid in self.processes()) / HERTZ

    def resident_mb(self) -> float:
        found = 0
        for pid in self.processes():
            with contextlib.suppress(OSError, TypeError):
                status = Path(f"/proc/{pid}/status").read_text()
                found += int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])
        return found / 1024

    def ask(self, body: bytes) -> bytes:
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  our own process
            found: bytes = answer.read()
        return found


@contextlib.contextmanager
def running(server: Server) -> Iterator[Running]:
    """Start it on its core, wait until it is ready, and end it with all its workers.

    Raises:
        RuntimeError: it ended, or was not ready in time; the text has what it said last.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = ["taskset", "-c", SERVER_CORE, *(word.replace("{port}", str(port)) for word in server.argv)]
    variables = {name: value.replace("{port}", str(port)) for name, value in server.variables.items()}
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv,
            env={**os.environ, **ONE_THREAD, **variables},
            cwd=server.folder,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}{server.ping}"
            while not _answers(url):
                if process.poll() is not None or time.perf_counter() - began > READY_SECONDS:
                    said.seek(0)
                    last = said.read().decode(errors="replace").strip().splitlines()[-1:]
                    raise RuntimeError(f"{server.name} is not ready: {' '.join(last)[:200]}")
                time.sleep(0.01)
            yield Running(server, process, port, time.perf_counter() - began)
        finally:
            for pid in Running(server, process, port, 0.0).processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


@dataclass(frozen=True, kw_only=True)
class Closed:
    """What a closed loop saw: requests a second, and the server's CPU microseconds for each."""

    per_second: float
    cpu_us: float
    failed: int


def closed(server: Running, body: bytes, seconds: int, connections: int = CONNECTIONS) -> Closed:
    """wrk, which must be on the machine, for some seconds."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not on this machine (Debian: apt install wrk)")
    script = (
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        f"wrk.body = {json.dumps(body.decode())}\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        before = server.cpu_seconds()
        argv = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", file.name]
        done = subprocess.run(
            ["taskset", "-c", CLIENT_CORE, *argv, server.url], capture_output=True, text=True, check=True
        )
    spent = server.cpu_seconds() - before
    said = re.search(r"(\d+) requests in", done.stdout)
    requests = int(said[1]) if said else 0
    if not requests:
        raise RuntimeError(f"{server.server.name} answered nothing in {seconds} s")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    return Closed(
        per_second=requests / seconds,
        cpu_us=spent / requests * 1e6,
        failed=int(refused[1]) if refused else 0,
    )


def open_loop(server: Running, body: bytes, *, rate: float, seconds: float, seed: int = 0) -> list[float]:
    """Latencies in microseconds, sorted, of requests that arrive at `rate` a second as a Poisson process."""
    return asyncio.run(_open_loop(server, body, rate, seconds, random.Random(seed)))  # noqa: S311


async def _open_loop(
    server: Running, body: bytes, rate: float, seconds: float, draw: random.Random
) -> list[float]:
    head = (
        f"POST {server.server.path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    latencies: list[float] = []

    async def one(due: float) -> None:
        stream = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", server.port)
        reader, writer = stream
        writer.write(head + body)
        headers = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", headers.lower())
        await reader.readexactly(int(size[1]) if size else 0)
        latencies.append((time.perf_counter() - due) * 1e6)
        idle.append(stream)

    # connections exist before the clock runs
    idle += [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
    due = end = time.perf_counter()
    end += seconds
    tasks = []
    while due < end:
        due += draw.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return sorted(latencies)


def quantile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that at least this share does not exceed."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own process
            return bool(answer.status == 200)  # noqa: PLR2004
    except OSError:  # of which urllib's and http's errors are
        return False


def _ticks(pid: int) -> int:
    """User and system time, of children that ended too."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return sum(map(int, told.rpartition(")")[2].split()[11:15]))
