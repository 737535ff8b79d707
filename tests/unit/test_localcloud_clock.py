"""The clock that schedules, bakes and timeouts read."""

import threading
import time
from datetime import UTC, datetime

import pytest

from localcloud.clock import Clock


def test_starts_at_real_time():
    before = time.time()
    assert before <= Clock().time() <= time.time() + 1


def test_now_is_utc_and_agrees_with_time():
    clock = Clock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now().timestamp() - clock.time()) < 1


def test_advance_moves_the_time_by_exactly_that_much_and_adds_up():
    clock = Clock()
    clock.advance(3600)
    clock.advance(1800)
    assert clock.time() - time.time() == pytest.approx(5400, abs=1)
    assert clock.now() > datetime.now(UTC)


def test_never_runs_backwards():
    clock = Clock()
    with pytest.raises(ValueError, match="forwards only"):
        clock.advance(-1)
    assert clock.time() - time.time() == pytest.approx(0, abs=1)


def test_a_wait_of_nothing_returns_at_once():
    assert Clock().wait(0) is False


def test_advance_wakes_who_waits_for_longer_than_anyone_would():
    clock = Clock()
    woken = threading.Event()
    threading.Thread(target=lambda: (clock.wait(86400), woken.set()), daemon=True).start()
    time.sleep(0.02)
    clock.advance(86401)
    assert woken.wait(5)


def test_advance_by_less_than_the_wait_does_not_end_it():
    clock = Clock()
    woken = threading.Event()
    threading.Thread(target=lambda: (clock.wait(1000), woken.set()), daemon=True).start()
    time.sleep(0.02)
    clock.advance(500)
    assert not woken.wait(0.1)
    clock.advance(501)
    assert woken.wait(5)


def test_an_interrupt_ends_a_wait_and_says_so():
    clock = Clock()
    interrupt = threading.Event()
    threading.Timer(0.03, interrupt.set).start()
    begun = time.monotonic()
    assert clock.wait(3600, interrupt) is True
    assert time.monotonic() - begun < 5


def test_an_interrupt_that_is_already_set_ends_the_wait_at_once():
    interrupt = threading.Event()
    interrupt.set()
    assert Clock().wait(3600, interrupt) is True
