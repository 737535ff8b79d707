"""EventBridge event patterns: which events a rule matches, and which patterns AWS refuses.

The operators are those of "Comparison operators for use in event patterns" in EventBridge's guide; the
refusals and their wording are those of its open source matcher, event-ruler. Filters of Lambda's event source
mappings are the same patterns.
"""

import functools
import ipaddress
import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

# A pattern is a tree of tests on fields; arrays of objects are walked with the index they were entered by, so
# that two tests below the same array must hold in the same element.
_Path = tuple[str, ...]
_Test = Callable[[Any], bool]

_ABSENT = object()
_MAX_WILDCARDS = 5  # AWS counts the states of its automaton; this many of them are always few enough
_MAX_NUMBER = 5e9
_COMPARE = {"<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">": operator.gt}


class InvalidPatternError(ValueError):
    """AWS would refuse this pattern; the text is its reason."""


class Pattern:
    """A compiled pattern; `matches` says whether a whole event passes it."""

    def __init__(self, tree: Any) -> None:
        if not isinstance(tree, dict):
            raise InvalidPatternError("Filter is not an object")
        if not tree:
            raise InvalidPatternError("Empty objects are not allowed")
        self._alternatives = list(_alternatives(tree, ()))

    def matches(self, event: Any) -> bool:
        event = _undotted(event)
        return any(_holds(event, tests) for tests in self._alternatives)


@functools.lru_cache(maxsize=1024)
def compile_pattern(text: str) -> Pattern:
    """Compile a pattern's JSON text.

    Raises:
        InvalidPatternError: it is not JSON, or not a pattern that AWS accepts.
    """
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise InvalidPatternError("Filter is not valid JSON") from error
    return Pattern(tree)


def _alternatives(tree: dict[str, Any], path: _Path) -> Iterator[list[tuple[_Path, list[_Test]]]]:
    """Every way to choose one branch of each `$or`: lists of (path, tests of which one must hold)."""
    ways: list[list[tuple[_Path, list[_Test]]]] = [[]]
    for key, value in tree.items():
        if key == "$or" and isinstance(value, list):
            branches = [way for branch in value for way in _alternatives(_object(key, branch), path)]
        elif isinstance(value, dict):
            if not value:
                raise InvalidPatternError("Empty objects are not allowed")
            branches = list(_alternatives(value, (*path, *key.split("."))))
        elif isinstance(value, list):
            if not value:
                raise InvalidPatternError("Empty arrays are not allowed")
            branches = [[((*path, *key.split(".")), [_test(each) for each in value])]]
        else:
            raise InvalidPatternError(f'"{key}" must be an object or an array')
        ways = [way + branch for way in ways for branch in branches]
    yield from ways


def _object(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidPatternError(f'"{key}" must be an array of objects')
    return value


def _undotted(value: Any) -> Any:
    """The same event with `{"a.b": 1}` written as `{"a": {"b": 1}}`: AWS takes them as equal."""
    if isinstance(value, list):
        return [_undotted(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _undotted(each) for key, each in value.items() if "." not in key}
    for key in value.keys() - plain.keys():
        *parents, leaf = key.split(".")
        node = plain
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                break
        else:
            node.setdefault(leaf, _undotted(value[key]))
    return plain


def _holds(event: Any, tests: list[tuple[_Path, list[_Test]]]) -> bool:
    """Whether all tests hold in the event, with one element chosen for each array of objects on the way."""
    here: list[list[_Test]] = []
    below: dict[str, list[tuple[_Path, list[_Test]]]] = {}
    for path, alternatives in tests:
        if len(path) == 0:
            here.append(alternatives)
        else:
            below.setdefault(path[0], []).append((path[1:], alternatives))
    if here and not all(_any_value(event, alternatives) for alternatives in here):
        return False
    if not below:
        return True
    if isinstance(event, list) and event:
        return any(
            _holds(element, [_deeper(key, each) for key in below for each in below[key]]) for element in event
        )
    fields = event if isinstance(event, dict) else {}
    return all(_holds(fields.get(key, _ABSENT), nested) for key, nested in below.items())


def _deeper(key: str, test: tuple[_Path, list[_Test]]) -> tuple[_Path, list[_Test]]:
    return (key, *test[0]), test[1]


def _any_value(value: Any, alternatives: list[_Test]) -> bool:
    if isinstance(value, dict):
        value = _ABSENT  # AWS tests leaves only: an object is neither there nor not there, as an absent field
    values = [each for each in value if not isinstance(each, dict)] if isinstance(value, list) else [value]
    return any(test(each) for each in (values or [_ABSENT]) for test in alternatives)


def _test(condition: Any) -> _Test:
    if isinstance(condition, dict):
        if len(condition) != 1:
            raise InvalidPatternError("Only one key allowed in match expression")
        ((name, argument),) = condition.items()
        if name not in _OPERATORS:
            raise InvalidPatternError(f"Unrecognized match type {name}")
        return _OPERATORS[name](argument)
    if isinstance(condition, list):
        raise InvalidPatternError("Match value must be String, number, true, false, or null")
    return lambda value: _same(value, condition)


def _same(value: Any, wanted: Any) -> bool:
    """Equality of JSON: 1 equals 1.0, but true is not 1."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return value is not _ABSENT and bool(value == wanted)


def _string(name: str, argument: Any) -> str:
    if not isinstance(argument, str):
        raise InvalidPatternError(f"{name} match pattern must be a string")
    return argument


def _exists(argument: Any) -> _Test:
    if not isinstance(argument, bool):
        raise InvalidPatternError("exists match pattern must be either true or false.")
    return lambda value: (value is not _ABSENT) == argument


def _prefix(argument: Any) -> _Test:
    if isinstance(argument, dict):
        folded = _ignoring_case("prefix", argument)
        return lambda value: isinstance(value, str) and value.casefold().startswith(folded)
    wanted = _string("prefix", argument)
    return lambda value: isinstance(value, str) and value.startswith(wanted)


def _suffix(argument: Any) -> _Test:
    if isinstance(argument, dict):
        folded = _ignoring_case("suffix", argument)
        return lambda value: isinstance(value, str) and value.casefold().endswith(folded)
    wanted = _string("suffix", argument)
    return lambda value: isinstance(value, str) and value.endswith(wanted)


def _ignoring_case(name: str, argument: dict[str, Any]) -> str:
    if list(argument) != ["equals-ignore-case"]:
        raise InvalidPatternError(f"Unsupported {name} pattern: {next(iter(argument), '')}")
    return _string("equals-ignore-case", argument["equals-ignore-case"]).casefold()


def _equals_ignore_case(argument: Any) -> _Test:
    folded = _string("equals-ignore-case", argument).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _wildcard(argument: Any) -> _Test:
    """`*` stands for any run of characters; a backslash takes the meaning of `*` and of itself away."""
    text = _string("wildcard", argument)
    tokens = re.finditer(r"\\.|\*|[^\\*]+|\\$", text, re.DOTALL)
    parts = [(token.group(), token.start()) for token in tokens]
    for (part, position), (before, _) in zip(parts, [("", 0), *parts], strict=False):
        if part.startswith("\\") and part not in {"\\*", "\\\\"}:
            raise InvalidPatternError(f"Invalid escape character at pos {position}")
        if part == before == "*":
            raise InvalidPatternError(f"Consecutive wildcard characters at pos {position}")
    if sum(part == "*" for part, _ in parts) > _MAX_WILDCARDS:
        raise InvalidPatternError(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character "
            "sequences after a wildcard character"
        )
    expression = "".join(
        ".*" if part == "*" else re.escape(part[-1] if part[0] == "\\" else part) for part, _ in parts
    )
    compiled = re.compile(expression, re.DOTALL)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _numeric(argument: Any) -> _Test:
    if not isinstance(argument, list) or not argument:
        raise InvalidPatternError("Value of numeric must be an array.")
    comparisons = []
    for position in range(0, len(argument), 2):
        sign = argument[position]
        if not isinstance(sign, str):
            raise InvalidPatternError(f"Invalid member in numeric match: {sign}")
        if sign not in _COMPARE:
            raise InvalidPatternError(f"Unrecognized numeric range operator: {sign}")
        if position + 1 == len(argument) or not _is_number(argument[position + 1]):
            raise InvalidPatternError(f"Value of {sign} must be numeric")
        if abs(argument[position + 1]) > _MAX_NUMBER:
            raise InvalidPatternError(f"Value of {sign} must be between -5.0E9 and +5.0E9, inclusive")
        comparisons.append((_COMPARE[sign], argument[position + 1]))
    return lambda value: _is_number(value) and all(compare(value, bound) for compare, bound in comparisons)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cidr(argument: Any) -> _Test:
    text = _string("prefix", argument)  # AWS calls it by this name in its refusal
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        address = text.split("/")[0]
        raise InvalidPatternError(f"Nonstandard IP address: {address}") from error

    def inside(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return inside


def _anything_but(argument: Any) -> _Test:
    if isinstance(argument, dict):
        return _anything_but_operator(argument)
    unwanted = argument if isinstance(argument, list) else [argument]
    if not unwanted or any(not (isinstance(each, str) or _is_number(each)) for each in unwanted):
        if isinstance(argument, list):
            raise InvalidPatternError("Inside anything but list, start|null|boolean is not supported.")
        raise InvalidPatternError("Value of anything-but must be an array or single string/number value.")
    return lambda value: value is not _ABSENT and not any(_same(value, each) for each in unwanted)


def _anything_but_operator(argument: dict[str, Any]) -> _Test:
    if len(argument) != 1 or next(iter(argument)) not in {
        "prefix",
        "suffix",
        "equals-ignore-case",
        "wildcard",
    }:
        raise InvalidPatternError("Unsupported anything-but pattern")
    ((name, value),) = argument.items()
    if isinstance(value, dict):
        raise InvalidPatternError("Value of anything-but must be an array or single string/number value.")
    unwanted = value if isinstance(value, list) else [value]
    if name in {"prefix", "suffix"}:
        if any(not isinstance(each, str) for each in unwanted):
            raise InvalidPatternError("prefix/suffix match pattern must be a string")
        if "" in unwanted:
            raise InvalidPatternError("Null prefix/suffix not allowed")
    tests = [_OPERATORS[name](each) for each in unwanted]
    return lambda found: found is not _ABSENT and not any(test(found) for test in tests)


_OPERATORS: dict[str, Callable[[Any], _Test]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _equals_ignore_case,
    "exists": _exists,
    "numeric": _numeric,
    "prefix": _prefix,
    "suffix": _suffix,
    "wildcard": _wildcard,
}
