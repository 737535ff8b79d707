"""One JSONata expression, evaluated as Step Functions does: values are bound as variables, never pasted in.

The engine is jsonata-python, a port of the reference implementation. Added is what Step Functions adds to the
language (https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html): `$uuid`, `$hash`,
`$parse`, `$partition`, `$range`, a seeded `$random`; and that an expression must give a defined JSON value.
"""

import copy
import functools
import hashlib
import json
import math
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from jsonata import Jsonata
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.utils import Utils

HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class QueryError(Exception):
    """The expression gave no JSON value; `str()` completes the sentence "The JSONata expression ... "."""


def evaluate(expression: str, variables: Mapping[str, Any], now: datetime) -> Any:
    """The value of `expression`, as JSON data.

    Raises:
        QueryError: it does not compile, throws, is undefined, or is a function.

    """
    try:
        # A compiled expression is shared by threads: each evaluation gets a copy with a frame of its own.
        program = copy.copy(_compiled(expression))
        program.environment = program.create_frame(Jsonata.static_frame)
        for name, function in {**FUNCTIONS, **_clock_functions(now)}.items():
            program.register_lambda(name, function)
        program.set_output_convert_nulls(False)
        Jsonata.CURRENT.jsonata = program  # the port looks the running program up by thread
        result = program.evaluate(None, {name: with_nulls(value) for name, value in variables.items()})
    except JException as error:
        raise QueryError(f"threw an error during evaluation. {error.error}: {error}") from error
    except Exception as error:
        # the port lets Python's own errors out where the reference throws one of the language's
        raise QueryError(f"threw an error during evaluation. {error}") from error
    if result is None:
        raise QueryError("returned nothing (undefined).")
    return _json(result)


@functools.lru_cache(maxsize=2048)
def _compiled(expression: str) -> Jsonata:
    return Jsonata(expression)


def with_nulls(value: Any) -> Any:
    """The value with the port's own null in place of None, which it takes for undefined."""
    if isinstance(value, dict):
        return {key: with_nulls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_nulls(item) for item in value]
    return Utils.NULL_VALUE if value is None else value


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items() if item is not None}
    if isinstance(value, Utils.RangeList):
        return list(range(value.a, value.b + 1))
    if isinstance(value, list):
        return [_json(item) for item in value]
    if value is Utils.NULL_VALUE:
        return None
    if isinstance(value, (str, bool, int, float)):
        return value
    raise QueryError("returned an unsupported result type.")


def _hash(text: str, algorithm: str) -> str:
    if algorithm not in HASHES:
        raise ValueError(f"$hash knows {', '.join(HASHES)}, got {algorithm}")
    return hashlib.new(HASHES[algorithm], text.encode()).hexdigest()


def _partition(array: list[Any] | None, size: float) -> list[list[Any]] | None:
    if array is None:
        return None
    step = math.floor(size)
    return [array[start : start + step] for start in range(0, len(array), step)]


def _range(first: float, last: float, step: float) -> list[float]:
    """First to last, both included; a sequence, so that one number is just that number."""
    steps = math.floor((last - first) / step)
    numbers: list[float] = Utils.create_sequence_from_iter(first + index * step for index in range(steps + 1))
    return numbers


def _random(seed: float | None = None) -> float:
    return random.Random(seed).random()  # noqa: S311  the language's $random, not a secret


def _no_eval(*_: Any) -> Any:
    raise ValueError("$eval is not supported by Step Functions; $parse reads JSON")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "uuid": lambda: str(uuid.uuid4()),
    "hash": _hash,
    "parse": lambda text: None if text is None else with_nulls(json.loads(text)),
    "partition": _partition,
    "range": _range,
    "random": _random,
    "eval": _no_eval,
}


def _clock_functions(now: datetime) -> dict[str, Callable[..., Any]]:
    millis = int(now.timestamp() * 1000)
    return {
        "millis": lambda: millis,
        "now": lambda picture=None, zone=None: Functions.datetime_from_millis(millis, picture, zone),
    }
