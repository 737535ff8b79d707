"""Metric math as a tree: the operators, numbers, ids and function calls of a CloudWatch expression.

Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics". SEARCH and Metrics Insights
(SELECT) are other languages and are refused by name.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

REFUSED = ("SEARCH", "SELECT", "INSIGHT_RULE_METRIC", "LAMBDA", "DB_PERF_INSIGHTS")

BAND = "ANOMALY_DETECTION_BAND"
DEFAULT_DEVIATIONS = 2.0  # of a band

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<string>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<symbol>==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],]))"
)
# how tightly a binary operator binds; equals associate to the left, ^ to the right
_BINDING = {
    "||": 1, "OR": 1, "&&": 2, "AND": 2,
    "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "^": 8,
}  # fmt: skip
_UNARY_BINDING = 7
_SPELLING = {"OR": "||", "AND": "&&"}


class ExpressionError(ValueError):
    """The expression is not metric math, or asks for a part that is not there."""


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Reference:
    """The id of another query."""

    id: str


@dataclass(frozen=True)
class Negation:
    operand: "Node"


@dataclass(frozen=True)
class Operation:
    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Listing:
    """[m1, m2]: an array of time series."""

    items: tuple["Node", ...]


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple["Node", ...]


Node = Number | Text | Reference | Negation | Operation | Listing | Call


@functools.lru_cache(maxsize=1024)  # an alarm's is looked at again and again
def parse(expression: str) -> Node:
    """The tree of an expression.

    Raises:
        ExpressionError: it is not metric math; the text says where.
    """
    return _Parser(expression).whole()


def references(node: Node) -> Iterator[str]:
    """The ids an expression names; METRICS() names none and means all."""
    match node:
        case Reference(name):
            yield name
        case Negation(operand):
            yield from references(operand)
        case Operation(_, left, right):
            yield from references(left)
            yield from references(right)
        case Listing(parts) | Call(_, parts):
            for part in parts:
                yield from references(part)


def band(node: Node) -> tuple[Node, float] | None:
    """What a band is of and how many deviations wide; None for another expression.

    Raises:
        ExpressionError: a band of something else than one series and a number.
    """
    match node:
        case Call(function, (target,)) if function == BAND:
            return target, DEFAULT_DEVIATIONS
        case Call(function, (target, Number(deviations))) if function == BAND:
            return target, deviations
        case Call(function, _) if function == BAND:
            raise ExpressionError(f"{BAND} takes a time series and a number")
    return None


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = list(_tokens(expression))
        self.at = 0

    def whole(self) -> Node:
        node = self._binary(0)
        if (extra := self._peek()) is not None:
            raise self._error(f"unexpected `{extra}`")
        return node

    def _binary(self, floor: int) -> Node:
        left = self._unary()
        while (operator := self._peek()) in _BINDING and _BINDING[operator] > floor:
            self.at += 1
            binding = _BINDING[operator] - 1 if operator == "^" else _BINDING[operator]
            left = Operation(_SPELLING.get(operator, operator), left, self._binary(binding))
        return left

    def _unary(self) -> Node:
        if self._peek() == "-":
            self.at += 1
            return Negation(self._binary(_UNARY_BINDING))
        return self._primary()

    def _primary(self) -> Node:
        kind, text = self._next()
        if kind == "number":
            return Number(float(text))
        if kind == "string":
            return Text(text[1:-1])
        if kind == "name":
            return self._named(text)
        if text == "(":
            node = self._binary(0)
            self._expect(")")
            return node
        if text == "[":
            return Listing(self._arguments("]"))
        raise self._error(f"unexpected `{text}`")

    def _named(self, name: str) -> Node:
        if name in REFUSED:
            raise self._error(f"{name} is not offered by the local cloud")
        if self._peek() == "(":
            self.at += 1
            return Call(name, self._arguments(")"))
        if name in ("REPEAT", "LINEAR"):
            return Text(name)
        if not name[0].islower():
            raise self._error(f"`{name}` is neither a function call nor an id")
        return Reference(name)

    def _arguments(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._peek() != closing:
            items.append(self._binary(0))
            while self._peek() == ",":
                self.at += 1
                items.append(self._binary(0))
        self._expect(closing)
        return tuple(items)

    def _peek(self) -> str | None:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def _next(self) -> tuple[str, str]:
        if self.at == len(self.tokens):
            raise self._error("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _expect(self, symbol: str) -> None:
        if self._peek() != symbol:
            raise self._error(f"`{symbol}` is missing")
        self.at += 1

    def _error(self, what: str) -> ExpressionError:
        return ExpressionError(f"Error in expression '{self.expression}': {what}")


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise ExpressionError(
                f"Error in expression '{expression}': unexpected `{expression[at : at + 10]}`"
            )
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()
