"""Monitoring as a whole: `python -m bench.monitoring [--month] [--records] [--drifts] [--json] [--check]`.

A month of a pipeline on a moved clock (bench.month); the monitoring job on a million captured records
(bench.captured_records); drifts put into flights one at a time, and a year without any
(bench.injected_drifts, bench.injected_skew, bench.injected_outages). What became of them is printed before
the figures.
"""

from bench import captured_records, injected_drifts, injected_outages, injected_skew, month
from bench.report import Figure, main

MONTH_SECONDS = 180


def measure() -> list[Figure]:
    return [*a_month(), *records(), *drifts()]


def a_month() -> list[Figure]:
    """31 days of drops, traffic and late labels through the deployed machines."""
    told = month.live(say=True)
    tell(told)
    return of_month(told)


def records() -> list[Figure]:
    """The monitoring job on a million records, against the validation of the same rows."""
    return captured_records.figures()


def drifts() -> list[Figure]:
    """Injected drifts until they are detected, and false alarms of a quiet year."""
    return [
        *injected_drifts.figures(),
        *injected_skew.figures(month.FLIGHTS),
        *injected_outages.figures(month.FLIGHTS, "dev"),
    ]


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
    main("monitoring", measure, {"month": a_month, "records": records, "drifts": drifts})
