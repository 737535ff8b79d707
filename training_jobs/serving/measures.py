"""What the server counts of itself, as Prometheus reads it."""

from bisect import bisect_left
from collections import Counter
from itertools import accumulate

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)  # seconds


class Measures:
    """Counts of one process since it started, kept by its event loop but for `instances`."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.instances = 0
        self._statuses: Counter[int] = Counter()
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """One request of /invocations, and how long it was here."""
        self._statuses[status] += 1
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def text(self, model: str) -> str:
        """The exposition format."""
        lines = [
            "# HELP tidegate_requests_total Answers of /invocations by HTTP status.",
            "# TYPE tidegate_requests_total counter",
            *(f'tidegate_requests_total{{status="{s}"}} {n}' for s, n in sorted(self._statuses.items())),
            "# HELP tidegate_instances_total Instances predicted.",
            "# TYPE tidegate_instances_total counter",
            f"tidegate_instances_total {self.instances}",
            "# HELP tidegate_in_flight Requests of /invocations that are being answered.",
            "# TYPE tidegate_in_flight gauge",
            f"tidegate_in_flight {self.in_flight}",
            "# HELP tidegate_request_seconds How long a request of /invocations took, its body included.",
            "# TYPE tidegate_request_seconds histogram",
        ]
        counts = list(accumulate(self._buckets))
        bounds = [*map(str, BOUNDS), "+Inf"]
        lines += [
            f'tidegate_request_seconds_bucket{{le="{bound}"}} {count}'
            for bound, count in zip(bounds, counts, strict=True)
        ]
        lines += [
            f"tidegate_request_seconds_sum {self._seconds}",
            f"tidegate_request_seconds_count {counts[-1]}",
            "# HELP tidegate_model_info The run that trained the model.",
            "# TYPE tidegate_model_info gauge",
            f'tidegate_model_info{{run="{model}"}} 1',
        ]
        return "\n".join(lines) + "\n"
