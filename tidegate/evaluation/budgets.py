"""What a model may weigh and how long one answer may take."""

from collections.abc import Callable, Iterator

import numpy as np

from tidegate.settings.gate_section import GateSection
from tidegate.training.gate import Check

MEBIBYTE = 1 << 20
CALLS = 200
WARM_UP = 20


def one_row_latencies(
    answer: Callable[[int], object], rows: int, clock: Callable[[], float]
) -> tuple[float, float]:
    """Median and 99th percentile of one-row answers in milliseconds, on this machine's one core.

    Args:
        answer: answers row i of `rows` >= 1.
        clock: in seconds.
    """
    took: list[float] = []
    for call in range(WARM_UP + CALLS):
        begin = clock()
        answer(call % rows)
        took.append(clock() - begin)
    p50, p99 = np.quantile(took[WARM_UP:], [0.5, 0.99]) * 1000
    return float(p50), float(p99)


def checks(section: GateSection, mebibytes: float, p99_ms: float | None) -> Iterator[Check]:
    if (largest := section.maximum_model_mebibytes) is not None:
        yield Check(
            name="model_size",
            passed=mebibytes <= largest,
            value=mebibytes,
            limit=largest,
            sentence=f"model.tar.gz has {mebibytes:.2f} MiB: at most {largest:g}",
        )
    if (longest := section.maximum_p99_ms) is not None and p99_ms is not None:
        yield Check(
            name="latency",
            passed=p99_ms <= longest,
            value=p99_ms,
            limit=longest,
            sentence=f"one-row answers take {p99_ms:.2f} ms at the 99th percentile: at most {longest:g}",
        )
