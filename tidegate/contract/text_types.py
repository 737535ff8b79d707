"""What the values of a column of text can be read as, told by the conversion that reads them."""

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.contract.plan import Column
from tidegate.readers.convert import from_text

_NUMBERS = (
    Column(name="", type="integer"),
    Column(name="", type="integer", format="decimal(38,0)"),
    Column(name="", type="number"),
)
_BOOLEANS = (Column(name="", type="boolean"),)
_TIMES = ((Column(name="", type="date"), Column(name="", type="timestamp")), (Column(name="", type="time"),))
# From the narrowest to the widest: what an earlier one reads, each later one reads too.
CSV_CHAINS = (_NUMBERS, _BOOLEANS, *_TIMES)
JSON_CHAINS = _TIMES  # numbers and booleans have words of their own there
_FIRST = 64  # values that rule most types out
_IDENTIFIER = r"^\s*([+-]?0[\dxX]|\+\d{5,})"  # 007 is an agent and +4722334455 a telephone: no numbers
_DIGITS = r"^\s*\d+\s*$"  # 07 is a month or a code sooner than an hour
_UNLIKE = {"integer": _IDENTIFIER, "number": _IDENTIFIER, "time": _DIGITS}
_BOOLEAN_WORD = r"(?i)^\s*(true|false)\s*$"


class TextType:
    """Narrows as batches of one column stream by."""

    def __init__(self, chains: tuple[tuple[Column, ...], ...]) -> None:
        self.chains = chains
        self.alive = dict.fromkeys(range(len(chains)), 0)  # of each chain, which type still fits
        self.seen: set[int] = set()  # chains that a value spoke for
        self.booleans: set[bool] = set()
        self.has_boolean_word = False

    def add(self, texts: pa.Array) -> None:
        if not self.alive:
            return
        if pa.types.is_dictionary(texts.type):
            texts = texts.unique().dictionary_decode()
        for sample in (texts[:_FIRST], texts) if len(texts) > _FIRST else (texts,):
            for chain in list(self.alive):
                self._narrow(chain, sample)

    def column(self, name: str) -> Column:
        """The narrowest type that reads every value; text when none does or there was no value."""
        for chain, place in self.alive.items():
            found = self.chains[chain][place]
            if chain in self.seen and (found.type != "boolean" or self._are_booleans()):
                return Column(name=name, type=found.type, format=found.format)
        return Column(name=name, type="string")

    def _narrow(self, chain: int, texts: pa.Array) -> None:
        types = self.chains[chain]
        while not self._fits(chain, types[self.alive[chain]], texts):
            self.alive[chain] += 1
            if self.alive[chain] == len(types):
                del self.alive[chain]
                return

    def _fits(self, chain: int, column: Column, texts: pa.Array) -> bool:
        unlike = _UNLIKE.get(column.type)
        if unlike and pc.any(pc.match_substring_regex(texts, unlike)).as_py():
            return False
        typed = from_text(column, texts)
        if typed.failed is not None:
            return False
        if typed.values.null_count < len(typed.values):
            self.seen.add(chain)
        if column.type == "boolean":
            self.booleans |= set(typed.values.unique().drop_null().to_pylist())
            self.has_boolean_word |= bool(pc.any(pc.match_substring_regex(texts, _BOOLEAN_WORD)).as_py())
        return True

    def _are_booleans(self) -> bool:
        """A column of nothing but `f` need not be false."""
        return self.has_boolean_word or len(self.booleans) > 1
