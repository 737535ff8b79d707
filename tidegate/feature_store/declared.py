"""What a definition declares, read and checked: durations, names, dtypes, defaults."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from tidegate.columns.dtypes import INPUTS, NUMBERS, WITHOUT_MISSING
from tidegate.errors import ConfigError

# columns that we add ourselves
RESERVED = ("label", "label_known_ts", "event_ts", "known_ts", "feature_hash", "ord", "views")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WHOLE = ("int64", "int32")
_POLICIES = ("propagate", "handle")


def seconds(text: str, where: str) -> int:
    """Of a duration such as "90m"."""
    found = re.fullmatch(r"(\d{1,9})([smhd])", text) if isinstance(text, str) else None
    if not found or int(found[1]) == 0:
        raise ConfigError(f"{where} is {text!r}", hint='write a duration such as "30m", "1h" or "7d"')
    return int(found[1]) * _UNITS[found[2]]


def checked_times(*, window: int, every: int, ttl: int, where: str) -> None:
    """Seconds each; refused are those that leave rows or moments uncovered."""
    if ttl < every:
        raise ConfigError(
            f"{where}: ttl is shorter than every",
            cause=f"each value is too old {ttl} s after its tick, the next tick comes after {every} s",
            hint="ttl is how old a value may be when it is used; at least one distance of ticks",
        )
    if window < every:
        raise ConfigError(
            f"{where}: window is shorter than every",
            cause=f"windows of {window} s every {every} s leave rows out that no tick sees",
            hint="tick more often, or look back further",
        )


def checked_outputs(outputs: Mapping[str, str], where: str) -> dict[str, str]:
    if not isinstance(outputs, Mapping):
        raise ConfigError(f"{where}: outputs must name a dtype each", hint='outputs={"rate": "float64"}')
    _checked_dtypes(outputs, NUMBERS, where)
    _checked_names(outputs, where)
    return dict(outputs)


def checked_inputs(inputs: Mapping[str, str] | Sequence[str], nulls: str, where: str) -> dict[str, str]:
    """Column -> dtype; a sequence of names means float64 each."""
    if nulls not in _POLICIES:
        raise ConfigError(f"{where}: nulls is {nulls!r}", hint=f"one of {', '.join(_POLICIES)}")
    if isinstance(inputs, str):
        raise ConfigError(f"{where}: inputs is a text", hint=f'inputs={{"{inputs}": "float64"}}')
    declared = dict(inputs) if isinstance(inputs, Mapping) else dict.fromkeys(inputs, "float64")
    if len(declared) != len(inputs):
        raise ConfigError(f"{where} names the input {', '.join(repeated(list(inputs)))} twice")
    _checked_dtypes(declared, INPUTS, where)
    if nulls == "handle" and (without := [name for name, to in declared.items() if to in WITHOUT_MISSING]):
        raise ConfigError(
            f"{where}: {', '.join(without)} cannot be missing as {declared[without[0]]}",
            cause='with nulls="handle" the function sees missing values, and this dtype has none',
            hint='declare float64, which has NaN, or leave missing values to nulls="propagate"',
        )
    return declared


def checked_defaults(
    defaults: Mapping[str, float | None], outputs: Mapping[str, str], where: str
) -> dict[str, float | None]:
    if unknown := sorted(set(defaults) - set(outputs)):
        raise ConfigError(f"{where} has defaults for {', '.join(unknown)}, which it does not output")
    for name, value in defaults.items():
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(
                f"{where}: the default of `{name}` is {value!r}", hint="a number, or no default"
            )
        dtype = outputs[name]
        if (dtype in _WHOLE and value != int(value)) or (dtype == "bool" and value not in (0, 1)):
            raise ConfigError(f"{where}: the default of `{name}` is {value!r}, which is no {dtype}")
    return {name: float(value) for name, value in defaults.items() if value is not None}


def checked_keys(keys: Sequence[str], outputs: Iterable[str], where: str) -> tuple[str, ...]:
    if twice := repeated([*keys, *outputs]):
        raise ConfigError(f"{where} names {', '.join(twice)} twice among its keys and outputs")
    return tuple(keys)


def repeated(names: Sequence[str]) -> list[str]:
    """Those that are there more than once; capitals do not tell them apart, as in SQL."""
    small = [name.lower() for name in names]
    return sorted({name for name in names if small.count(name.lower()) > 1})


def _checked_dtypes(declared: Mapping[str, str], known: Sequence[str], where: str) -> None:
    if wrong := sorted({str(dtype) for dtype in declared.values() if dtype not in known}):
        raise ConfigError(f"{where}: unknown dtype {', '.join(wrong)}", hint=f"one of {', '.join(known)}")


def _checked_names(names: Iterable[str], where: str) -> None:
    if wrong := [name for name in names if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)]:
        raise ConfigError(f"{where}: the name {wrong[0]!r} must be letters, digits and _")
