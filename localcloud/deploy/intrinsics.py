"""CloudFormation's intrinsic functions: a template's values, resolved in the scope of one stack.

Pure: what other stacks export comes in as two functions. Transforms, dynamic references ({{resolve:...}}),
Fn::Cidr and Fn::ForEach are not there and say so. Reference: "Intrinsic function reference" of the
CloudFormation user guide.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_HOLE = re.compile(r"\$\{([^}]+)\}")
_NO_VALUE = object()


class TemplateError(ValueError):
    """The template asks for something that is not there or not known."""


class Scope:
    """What the names in one template stand for. `define` adds a resource once it exists."""

    def __init__(
        self,
        template: Mapping[str, Any],
        *,
        names: Mapping[str, Any],
        output_of: Callable[[str, str], Any],
        exported: Callable[[str], Any],
    ) -> None:
        """`names`: (pseudo) parameters. The functions raise LookupError for what is not there."""
        self._resources = template.get("Resources", {})
        self._conditions = template.get("Conditions", {})
        self._mappings = template.get("Mappings", {})
        self._names: dict[str, Any] = {**names, "AWS::NoValue": _NO_VALUE}
        self._attributes: dict[str, Mapping[str, Any]] = {}
        self._output_of = output_of
        self._exported = exported

    def define(self, logical_id: str, physical_id: str, attributes: Mapping[str, Any]) -> None:
        self._names[logical_id] = physical_id
        self._attributes[logical_id] = attributes

    def resolve(self, value: Any) -> Any:
        """`value` with every function replaced by its result; what is AWS::NoValue is left out.

        Raises:
            TemplateError: a function is unknown or cannot be applied.
        """
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not _NO_VALUE]
        if isinstance(value, str) and "{{resolve:" in value:
            raise TemplateError(f"the dynamic reference in {value!r} is not followed here")
        if not isinstance(value, dict):
            return value
        if (function := _function(value)) is not None:
            return self._apply(*function)
        pairs = ((key, self.resolve(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not _NO_VALUE}

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"there is no condition {name}")
        return self._truth(self._conditions[name])

    def needs(self, value: Any) -> set[str]:
        """The logical ids of resources that `value` refers to, in the branches that its conditions take."""
        return {name for name in self._names_in(value) if name in self._resources}

    def _names_in(self, value: Any) -> Iterator[str]:
        if isinstance(value, list):
            for item in value:
                yield from self._names_in(item)
        elif isinstance(value, dict):
            match _function(value):
                case ("Ref", str(name)):
                    yield name
                case ("Fn::GetAtt", argument):
                    yield _split_attribute(argument)[0]
                case ("Fn::Sub", argument):
                    text, extra = _sub(argument)
                    yield from (name.split(".")[0] for name in _HOLE.findall(text) if name not in extra)
                    yield from self._names_in(list(extra.values()))
                case ("Fn::If", [str(condition), yes, no]):
                    yield from self._names_in(yes if self.condition(condition) else no)
                case _:
                    yield from self._names_in(list(value.values()))

    def _apply(self, name: str, argument: Any) -> Any:
        try:
            return _FUNCTIONS[name](self, argument)
        except KeyError as error:
            if name not in _FUNCTIONS:
                raise TemplateError(f"the function {name} is not known here") from error
            raise TemplateError(f"{name} finds no {error} in {json.dumps(argument)}") from error
        except TemplateError:
            raise
        except (LookupError, TypeError, ValueError) as error:
            raise TemplateError(f"{name} cannot be applied to {json.dumps(argument)}: {error}") from error

    def _truth(self, value: Any) -> bool:
        if isinstance(value, dict) and list(value) == ["Condition"]:
            return self.condition(value["Condition"])
        return self.resolve(value) in (True, "true")

    def _ref(self, name: str) -> Any:
        if name in self._names:
            return self._names[name]
        if name in self._resources:
            raise TemplateError(f"resource {name} is referred to but not part of this deployment")
        raise TemplateError(f"there is no resource or parameter {name}")

    def _get_attribute(self, argument: Any) -> Any:
        logical_id, attribute = _split_attribute(argument)
        self._ref(logical_id)
        known = self._attributes.get(logical_id, {})
        if attribute not in known:
            kind = self._resources[logical_id]["Type"]
            raise TemplateError(
                f"attribute {attribute} of {logical_id} ({kind}) is not known here; "
                f"known: {', '.join(sorted(known)) or 'none'}"
            )
        return known[attribute]

    def _substitute(self, argument: Any) -> str:
        text, extra = _sub(argument)
        values = {name: self.resolve(value) for name, value in extra.items()}

        def fill(hole: re.Match[str]) -> str:
            name = hole[1].strip()
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in values:
                return _text(values[name])
            return _text(self._get_attribute(name) if "." in name else self._ref(name))

        return _HOLE.sub(fill, text)

    def _join(self, argument: Any) -> str:
        delimiter, parts = argument
        return str(delimiter).join(_text(part) for part in self.resolve(parts))

    def _select(self, argument: Any) -> Any:
        index, choices = argument
        return self.resolve(choices)[int(self.resolve(index))]

    def _split(self, argument: Any) -> list[str]:
        delimiter, text = argument
        return _text(self.resolve(text)).split(delimiter)

    def _choose(self, argument: Any) -> Any:
        name, yes, no = argument
        return self.resolve(yes if self.condition(name) else no)

    def _equal(self, argument: Any) -> bool:
        left, right = self.resolve(argument)
        return _text(left) == _text(right) if not isinstance(left, (dict, list)) else left == right

    def _find_in_map(self, argument: Any) -> Any:
        table, top, second, *options = self.resolve(argument)
        found = self._mappings.get(table, {}).get(top, {})
        if second in found:
            return found[second]
        if options and "DefaultValue" in options[0]:
            return options[0]["DefaultValue"]
        raise TemplateError(f"mapping {table} has no {top}.{second}")

    def _stack_output(self, argument: Any) -> Any:
        where = self.resolve(argument)
        region = where.get("Region", self._names.get("AWS::Region"))
        if region != self._names.get("AWS::Region"):
            raise TemplateError(f"there is only one region here, and {region} is another")
        return self._output_of(where["StackName"], where["OutputName"])


def _function(value: Mapping[str, Any]) -> tuple[str, Any] | None:
    """(name, argument) where the object is a call: its only key is Ref, Condition or Fn::*."""
    if len(value) != 1:
        return None
    ((name, argument),) = value.items()
    return (name, argument) if name == "Ref" or name.startswith("Fn::") else None


def _sub(argument: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(argument, str):
        return argument, {}
    text, extra = argument
    return text, extra


def _split_attribute(argument: Any) -> tuple[str, str]:
    logical_id, *path = argument.split(".") if isinstance(argument, str) else argument
    return str(logical_id), ".".join(path)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TemplateError(f"{json.dumps(value)} is not text")


_FUNCTIONS: dict[str, Callable[[Scope, Any], Any]] = {
    "Ref": Scope._ref,
    "Fn::And": lambda scope, tests: all(scope._truth(test) for test in tests),
    "Fn::Base64": lambda scope, text: base64.b64encode(_text(scope.resolve(text)).encode()).decode(),
    "Fn::Equals": Scope._equal,
    "Fn::FindInMap": Scope._find_in_map,
    "Fn::GetAZs": lambda scope, region: [
        f"{scope.resolve(region) or scope._ref('AWS::Region')}{z}" for z in "abc"
    ],
    "Fn::GetAtt": Scope._get_attribute,
    "Fn::GetStackOutput": Scope._stack_output,
    "Fn::If": Scope._choose,
    "Fn::ImportValue": lambda scope, name: scope._exported(scope.resolve(name)),
    "Fn::Join": Scope._join,
    "Fn::Length": lambda scope, items: len(scope.resolve(items)),
    "Fn::Not": lambda scope, tests: not scope._truth(tests[0]),
    "Fn::Or": lambda scope, tests: any(scope._truth(test) for test in tests),
    "Fn::Select": Scope._select,
    "Fn::Split": Scope._split,
    "Fn::Sub": Scope._substitute,
    "Fn::ToJsonString": lambda scope, value: json.dumps(scope.resolve(value), separators=(",", ":")),
}
