"""Labels laid out by entity and time, so that a row of a view finds the first label that may see it.

Pure NumPy. Times are integers, microseconds since the epoch.
"""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_CELLS_A_LABEL = 4  # more of them: fewer steps of a search, more memory
NEVER = np.iinfo(np.int64).max


class LabelSlots:
    """A slot for each label, in order of (entity, moment), and one more behind the last of each entity.

    The slot behind them has the moment NEVER: where rows end that are known after the last label.
    """

    def __init__(self, codes: Integers, moments: Integers, entities: int) -> None:
        """Lay out `len(codes)` labels, at least one, of entities 0 ... `entities` - 1."""
        self._start = int(moments.min())
        span = int(moments.max()) - self._start + 1
        self.order = _order(codes, moments - self._start, entities, span)
        codes, moments = codes[self.order], moments[self.order]
        self.slots = np.arange(len(codes)) + codes  # of the labels in `order`
        self.size = len(codes) + entities
        self.moments = np.full(self.size, NEVER)
        self.moments[self.slots] = moments
        labels = np.bincount(codes, minlength=entities)
        self.codes = np.repeat(np.arange(entities), labels + 1)
        # Time is cut into cells of 2^shift; `first` is the slot of the first label at or after each.
        wanted = max(1, _CELLS_A_LABEL * len(codes) // entities)
        self._shift = max(0, (span - 1) // wanted).bit_length()
        self._cells = ((span - 1) >> self._shift) + 1
        width = self._cells + 1  # the last: the slot behind the labels
        cells = codes * width + ((moments - self._start) >> self._shift)
        before = np.zeros(entities * width + 1, np.int64)
        np.cumsum(np.bincount(cells, minlength=entities * width), out=before[1:])
        before[:-1] += np.repeat(np.arange(entities), width)
        self._first = before.astype(np.int32 if self.size < np.iinfo(np.int32).max else np.int64)

    def first_at(self, codes: Integers, moments: Integers) -> Integers:
        """The slot of the entity's first label at or after each moment, or the one behind its labels."""
        cells = (moments - self._start) >> self._shift
        np.clip(cells, 0, self._cells - 1, out=cells)
        cells += codes * (self._cells + 1)
        low: Integers = self._first[cells]
        high = self._first[cells + 1]
        # the answer is in low ... high; halving ends soon, as a cell has a quarter of a label on average
        at = np.flatnonzero(low < high)
        lower, upper, sought = low[at], high[at], moments[at]
        while len(at):
            middle = (lower + upper) >> 1
            later = self.moments[middle] < sought
            lower = np.where(later, middle + 1, lower)
            upper = np.where(later, upper, middle)
            going = lower < upper
            if not going.all():
                found = ~going
                low[at[found]] = lower[found]
                at, lower, upper, sought = at[going], lower[going], upper[going], sought[going]
        return low


def _order(codes: Integers, offsets: Integers, entities: int, span: int) -> Integers:
    if entities * span < NEVER:  # one sort of one column
        order: Integers = np.argsort(codes * span + offsets)
    else:
        order = np.lexsort((offsets, codes))
    return order
