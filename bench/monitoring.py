"""Monitoring as a whole: `python -m bench.monitoring [--json] [--check]`, some minutes.

A month of a pipeline on a moved clock (bench.month), and the monitoring job on a million captured records
(bench.captured_records). What became of the month is printed before the figures.
"""

from bench import captured_records, month
from bench.report import Figure, main

MONTH_SECONDS = 180


def measure() -> list[Figure]:
    told = month.live(say=True)
    tell(told)
    return [*of_month(told), *captured_records.figures()]


def of_month(told: month.Told) -> list[Figure]:
    decided = sum(outcome in {"registered", "rejected"} for outcome, _ in told.trainings[:-1])
    return [
        Figure("month: predictions", told.predictions, "", 25_000, "least"),
        Figure("month: predictions without an answer", told.unanswered, "", 0),
        Figure("month: drops quarantined", told.drops["quarantined"], "", 1, "least"),
        Figure("month: retrainings that ended in a verdict", decided, "", 1, "least"),
        Figure("month: alarms that rang and recovered", len(told.recovered), "", 1, "least"),
        Figure("month: executions that failed", len(told.failed), "", 0),
        Figure("month: from the start of the cloud to the last day", told.seconds, "s", MONTH_SECONDS),
        Figure("month: CPU of everything in it", told.cpu_seconds, "CPU s"),
    ]


def tell(told: month.Told) -> None:
    """The month in some lines."""
    print(f"{told.days:.1f} days, drops {dict(told.drops)}, looks of monitoring {dict(told.windows)}")
    for reason in told.reasons:
        print(f"  quarantined: {reason[:150]}")
    for day, columns in sorted(told.drifted.items()):
        print(f"  day {day:2} drifted: {', '.join(columns)}")
    for outcome, reasons in reversed(told.trainings):
        if outcome != "skipped":
            print(f"  training {outcome}: {reasons[:250]}")
    print(f"  rollouts {dict(told.rollouts)}; degraded answers {told.degraded:,}, outcomes {told.outcomes:,}")
    for name in told.recovered:
        print(f"  rang and recovered: {name}")
    for failure in told.failed:
        print(f"  FAILED {failure}")


if __name__ == "__main__":
    main("monitoring", measure)
