"""The rule of a composite alarm: a boolean expression over the states of other alarms.

Source: PutCompositeAlarm in the CloudWatch API Reference: ALARM(), OK(), INSUFFICIENT_DATA(), AT_LEAST(),
TRUE, FALSE, AND, OR, NOT and parentheses; NOT binds tightest, then AND. Names may be quoted, or ARNs.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from localcloud.cloudwatch.judgement import ALARM, INSUFFICIENT_DATA, OK

STATES = (OK, ALARM, INSUFFICIENT_DATA)
_TOKEN = re.compile(r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<symbol>[(),])|(?P<word>[^\s(),"']+))""")

StateOf = Callable[[str], str]


class RuleError(ValueError):
    """The text is not an alarm rule."""


@dataclass(frozen=True)
class Constant:
    value: bool


@dataclass(frozen=True)
class InState:
    """ALARM("name") and its like."""

    state: str
    alarm: str


@dataclass(frozen=True)
class AtLeast:
    """AT_LEAST(2, ALARM, (a, b, c)); `share` where the number was given in percent."""

    number: float
    share: bool
    negated: bool
    state: str
    alarms: tuple[str, ...]


@dataclass(frozen=True)
class Not:
    operand: "Node"


@dataclass(frozen=True)
class And:
    operands: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    operands: tuple["Node", ...]


Node = Constant | InState | AtLeast | Not | And | Or


def holds(node: Node, state_of: StateOf) -> bool:
    """Whether the rule is true, given the state of each alarm it names."""
    match node:
        case Constant(value):
            answer = value
        case InState(state, alarm):
            answer = state_of(alarm) == state
        case AtLeast(number, share, negated, state, alarms):
            met = sum((state_of(alarm) == state) != negated for alarm in alarms)
            answer = met >= (math.ceil(number / 100 * len(alarms)) if share else number)
        case Not(operand):
            answer = not holds(operand, state_of)
        case And(operands):
            answer = all(holds(operand, state_of) for operand in operands)
        case Or(operands):
            answer = any(holds(operand, state_of) for operand in operands)
    return answer


def children(node: Node) -> Iterator[str]:
    """The alarms a rule names, in their order, as they are written there."""
    match node:
        case InState(_, alarm):
            yield alarm
        case AtLeast(_, _, _, _, alarms):
            yield from alarms
        case Not(operand):
            yield from children(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from children(operand)


def parse(rule: str) -> Node:
    """The tree of a rule.

    Raises:
        RuleError: it is not one; the text says where.
    """
    return _Parser(rule).whole()


class _Parser:
    """Recursive descent: or, and, not, primary."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.tokens = list(_tokens(rule))
        self.at = 0

    def whole(self) -> Node:
        node = self._or()
        if self.at < len(self.tokens):
            raise RuleError(f"unexpected `{self.tokens[self.at][1]}` in alarm rule `{self.rule}`")
        return node

    def _or(self) -> Node:
        operands = [self._and()]
        while self._take("OR"):
            operands.append(self._and())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _and(self) -> Node:
        operands = [self._not()]
        while self._take("AND"):
            operands.append(self._not())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _not(self) -> Node:
        return Not(self._not()) if self._take("NOT") else self._primary()

    def _primary(self) -> Node:
        if self._take("("):
            node = self._or()
            self._expect(")")
            return node
        _, word = self._next()
        if word in ("TRUE", "FALSE"):
            return Constant(word == "TRUE")
        if word == "AT_LEAST":
            return self._at_least()
        if word not in STATES:
            raise RuleError(f"`{word}` is not a function of alarm rules, in `{self.rule}`")
        self._expect("(")
        alarm = self._name()
        self._expect(")")
        return InState(word, alarm)

    def _at_least(self) -> AtLeast:
        self._expect("(")
        _, number = self._next()
        self._expect(",")
        negated = self._take("NOT")
        _, state = self._next()
        self._expect(",")
        self._expect("(")
        alarms = [self._name()]
        while self._take(","):
            alarms.append(self._name())
        self._expect(")")
        self._expect(")")
        digits = number.strip("\"'")
        if state not in STATES or not re.fullmatch(r"\d+%?", digits):
            raise RuleError(f"AT_LEAST takes a number or a percentage and a state, in `{self.rule}`")
        return AtLeast(float(digits.rstrip("%")), digits.endswith("%"), negated, state, tuple(alarms))

    def _name(self) -> str:
        kind, text = self._next()
        if kind == "symbol":
            raise RuleError(f"the name of an alarm is missing in `{self.rule}`")
        return text[1:-1] if kind == "quoted" else text

    def _take(self, text: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at][1] == text
        self.at += found
        return found

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise RuleError(f"`{text}` is missing in alarm rule `{self.rule}`")

    def _next(self) -> tuple[str, str]:
        if self.at == len(self.tokens):
            raise RuleError(f"alarm rule `{self.rule}` ends too early")
        self.at += 1
        return self.tokens[self.at - 1]


def _tokens(rule: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(rule.rstrip())
    while at < end:
        match = _TOKEN.match(rule, at)
        if match is None or match.lastgroup is None:
            raise RuleError(f"unexpected `{rule[at]}` in alarm rule `{rule}`")
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()
