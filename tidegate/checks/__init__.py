"""The contract's rules against streamed rows: which rows break each, and which of them to set aside."""

from tidegate.checks.bad_rows import SetAside
from tidegate.checks.checker import Checker
from tidegate.checks.counts import FIRST_ROWS, Checks, RuleCount, merge_checks, with_count
from tidegate.checks.key_files import KeyFile
from tidegate.checks.repeats import repeated

__all__ = [
    "FIRST_ROWS",
    "Checker",
    "Checks",
    "KeyFile",
    "RuleCount",
    "SetAside",
    "merge_checks",
    "repeated",
    "with_count",
]
