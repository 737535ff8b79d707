"""Hashes of events that were seen, held to a set of Python's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegate.monitoring.seen_events import SeenEvents

# few enough to repeat, and of the same lowest bits, so that they want the same places; 0 is a hash, too
HASHES = st.integers(0, 40).map(lambda n: n * 64) | st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.lists(HASHES, max_size=12), max_size=12))
def test_many_at_once_are_new_just_when_a_set_lacks_them(batches):
    seen, known = SeenEvents(places=8), set()
    for batch in batches:
        expected = []
        for hashed in (each or 1 for each in batch):  # 0 and 1 are one: an empty place is 0
            expected.append(hashed not in known)
            known.add(hashed)
        assert seen.add_all(np.array(batch, np.int64)).tolist() == expected
        assert len(seen) == len(known)
    assert all(hashed in seen for hashed in known)
    assert not any(hashed in seen for hashed in range(-9, 0) if hashed not in known)


def test_one_by_one_is_the_same():
    seen = SeenEvents(places=8)
    for hashed in (7, 0, 7, -3):
        seen.add(hashed)
    assert len(seen) == 3
    assert seen.add_all(np.array([-3, 0, 8, 8])).tolist() == [False, False, True, False]


def test_a_million_take_no_more_memory_than_none():
    seen = SeenEvents()
    before = seen.nbytes
    seen.add_all(np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 1_000_000))
    assert (len(seen), seen.nbytes) == (1_000_000, before)
    assert before == 16 << 20
