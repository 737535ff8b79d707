"""The demo's times and the pipeline's own overhead: `python -m bench.pipeline [--json] [--check]`.

One run of `tidegate demo` on a warm cache, as a process, with its CPU seconds. Wall times depend on what else
the machine does; the shares do not, much.
"""

import json
import resource
import subprocess
import sys
from typing import Any

from bench.report import Figure, main


def measure() -> list[Figure]:
    """Run the demo once.

    Raises:
        SystemExit: the demo failed; its message is on stderr.
    """
    argv = [sys.executable, "-m", "tidegate_cli.main", "demo", "--json", "--no-keep"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    facts: dict[str, Any] = json.loads(done.stdout)
    if not facts["ok"]:
        raise SystemExit(f"the demo failed: {facts['error']}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    runs = facts["overhead"]["training"]
    jobs = sum(run["job_seconds"] for run in runs)
    overhead = sum(run["seconds"] for run in runs) - jobs
    march = facts["predictions"]["March"]
    return [
        Figure("demo, warm", facts["seconds"], "s", 120, "most"),
        Figure("demo, CPU of the processes it waited for", used.ru_utime + used.ru_stime, "CPU s"),
        Figure("synthesis", facts["synth_seconds"], "s"),
        Figure("from put_object to the execution's start, median", _median(facts), "s", 1.0, "most"),
        Figure("training machine beside its jobs", overhead / jobs, "of the jobs' time", 0.5, "most"),
        Figure("predictions answered", march["served"] / march["asked"], "of those asked", 1.0, "least"),
        Figure("predictions a second, 4 callers", march["asked"] / march["seconds"], "1/s"),
    ]


def _median(facts: dict[str, Any]) -> float:
    starts = sorted(facts["overhead"]["drop_to_start_seconds"])
    return float(starts[len(starts) // 2])


if __name__ == "__main__":
    main("pipeline", measure)
