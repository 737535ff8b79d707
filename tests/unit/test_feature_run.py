"""How the work of a run is shared out, and what names it."""

from dataclasses import replace

import pytest

from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.feature_store.feature_run import FeatureRun, ViewRun, batches, engine, work
from tidegate.feature_store.ticks import Interval

VIEW = ViewPlan(
    name="delay",
    source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
    keys=("carrier",),
    sql="select carrier from source",
    window_seconds=7 * 86400,
    every_seconds=3600,
    ttl_seconds=3600,
    hash="ab" * 32,
)
DAY = Interval(start=0, stop=23 * 3600)
RUN = FeatureRun(
    dataset="flights",
    snapshot_id="8123456789012345678",
    revision=4,
    views=(ViewRun(view=VIEW, intervals=(DAY,), whole=False),),
)


def test_a_row_counts_once_for_each_tick_that_may_see_it():
    # a week of hours, but the run has a day of them
    assert work(VIEW, [DAY], 1000) == 24 * 1000
    assert work(VIEW, [Interval(start=0, stop=364 * 86400)], 1000) == 168 * 1000
    assert work(replace(VIEW, window_seconds=60), [DAY], 1000) == 1000


@pytest.mark.parametrize(
    ("total", "shares"),
    [
        (0, [(0, 1, 2, 3)]),
        (100, [(0, 1, 2, 3)]),
        (101, [(0, 2), (1, 3)]),
        (400, [(0,), (1,), (2,), (3,)]),
        (4000, [(0,), (1,), (2,), (3,)]),
    ],
)
def test_there_are_as_few_batches_as_can_do_the_work(total, shares):
    found = batches(partitions=4, rows=10, work=total, batch_work=100)
    assert [batch.partitions for batch in found] == shares
    assert [batch.index for batch in found] == list(range(len(shares)))
    assert {batch.of for batch in found} == {4}


def test_rows_that_do_not_fit_a_disk_are_shared_out_though_few_ticks_see_them():
    assert len(batches(partitions=4, rows=120_000_000, work=1, batch_work=100)) == 3


@pytest.mark.parametrize(
    ("rows", "total", "who"),
    [(10, 400, "functions"), (10, 401, "job"), (200_000_001, 1, "job"), (200_000_000, 1, "functions")],
)
def test_a_job_takes_over_where_all_functions_together_cannot(rows, total, who):
    assert engine(partitions=4, rows=rows, work=total, batch_work=100) == who


def test_the_name_of_a_run_is_that_of_its_work():
    assert RUN.name == FeatureRun.from_json(RUN.to_json()).name
    assert RUN.name.startswith("4-") and len(RUN.name) == 18
    for other in (
        replace(RUN, revision=5),
        replace(RUN, snapshot_id="1"),
        replace(RUN, views=()),
        replace(RUN, views=(replace(RUN.views[0], intervals=(replace(DAY, stop=0),)),)),
        replace(RUN, views=(replace(RUN.views[0], view=replace(VIEW, hash="cd" * 32)),)),
    ):
        assert other.name != RUN.name
