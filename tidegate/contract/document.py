"""An ODCS file with the line of everything in it, and the mistakes found so far."""

import datetime as dt
import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Self

from tidegate.errors import ConfigError

Where = tuple[str | int, ...]


@dataclass(kw_only=True)
class Document:
    """A contract file under inspection: `problem` collects, `raise_problems` tells all of them at once."""

    path: Path
    data: dict[str, Any]
    lines: dict[Where, int]
    problems: list[tuple[Where, str]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Self:
        import yaml  # only at synthesis

        try:
            loader = _loader()(path.read_text(encoding="utf-8"))
            node = loader.get_single_node()
            problems: list[tuple[Where, str]] = []
            lines = dict(_lines(node, (), problems)) if node else {}
            data = loader.construct_document(node) if node else None
        except FileNotFoundError as cause:
            raise ConfigError(
                f"`{path}` does not exist", hint="`contract` in pipeline.toml names the contract file"
            ) from cause
        except (yaml.YAMLError, UnicodeDecodeError) as cause:
            raise ConfigError(f"`{path}` is not YAML", cause=" ".join(str(cause).split())) from cause
        except RecursionError as cause:
            raise ConfigError(f"`{path}` is not a data contract", cause="it nests without end") from cause
        if not isinstance(data, dict):
            raise ConfigError(f"`{path}` is not a data contract", cause="it holds no keys")
        return cls(path=path, data=_with_text_keys(data), lines=lines, problems=problems)

    def problem(self, where: Where, what: str) -> None:
        if (where, what) not in self.problems:
            self.problems.append((where, what))

    def raise_problems(self) -> None:
        """Tell all problems at once.

        Raises:
            ConfigError: there are problems; one `line N: what` for each.
        """
        if not self.problems:
            return
        count = len(self.problems)
        found = sorted((self._line(where), what) for where, what in self.problems)
        raise ConfigError(
            f"`{self.path}` has {count} mistake{'s' if count > 1 else ''}",
            cause="\n".join(f"line {line}: {what}" for line, what in found),
            hint="the standard is at https://bitol-io.github.io/open-data-contract-standard",
        )

    def check_standard(self) -> None:
        """Compare with the JSON Schema that the standard's own package carries."""
        from jsonschema import Draft201909Validator  # only at synthesis, 0.1 s

        spec = find_spec("open_data_contract_standard")
        if spec is None or spec.origin is None:
            raise ConfigError(
                "the ODCS schema is not installed", hint="`uv sync` installs open-data-contract-standard"
            )
        schema = json.loads((Path(spec.origin).parent / "schema.json").read_text(encoding="utf-8"))
        errors = [_Mistake.of(error) for error in Draft201909Validator(schema).iter_errors(self.data)]
        known = set(re.findall(r'"(\w+)": \{', json.dumps(schema)))
        untyped = set(_untyped(_dicts(self.data.get("schema")), ("schema",)))
        for where in untyped:
            self.problem(where, f"`{'.'.join(map(str, where))}` has no `logicalType`")
        for error in errors:
            # The schema takes a column without a type for one of every type, and complains about each.
            if any(error.where[:length] in untyped for length in range(len(error.where) + 1)):
                continue
            # A mistake inside an object also leaves the object's sound keys unevaluated: tell the first only.
            if error.validator == "unevaluatedProperties" and any(e.is_inside(error) for e in errors):
                continue
            self.problem(error.where, error.sentence(known))
        if not self.problems and not self.data.get("schema"):
            self.problem((), "`schema` is missing: it lists the table and its columns")

    def _line(self, where: Where) -> int:
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)


@dataclass(frozen=True, kw_only=True)
class _Mistake:
    """A jsonschema error, in words for a person who does not know JSON Schema."""

    where: Where
    validator: str
    message: str
    choices: tuple[str, ...] = ()  # keys of which exactly one must be there

    @classmethod
    def of(cls, error: Any) -> Self:
        while error.validator in {"anyOf", "oneOf"} and error.context:
            if all(inner.validator == "required" for inner in error.context):
                break
            error = min(error.context, key=lambda inner: (-len(inner.absolute_path), inner.message))
        choices: tuple[str, ...] = ()
        if error.validator == "oneOf":
            choices = tuple(key for option in error.validator_value for key in option.get("required", ()))
        return cls(
            where=tuple(error.absolute_path),
            validator=error.validator,
            message=error.message,
            choices=choices,
        )

    def is_inside(self, other: "_Mistake") -> bool:
        return self.validator != "unevaluatedProperties" and self.where[: len(other.where)] == other.where

    def sentence(self, known_keys: set[str]) -> str:
        place = f"`{'.'.join(map(str, self.where))}`" if self.where else "the contract"
        if self.choices:
            return f"{place} needs exactly one of {', '.join(self.choices)}"
        if self.validator in {"unevaluatedProperties", "additionalProperties"}:
            extra = re.findall(r"'(\w+)'", self.message)
            names = ", ".join(f"`{name}`" for name in extra)
            near = meant(extra[0], known_keys - set(extra)) if extra else ""
            return f"{place}: unknown key {names}{near}"
        return f"{place}: {self.message[:200]}"


def meant(word: str, choices: Iterable[str]) -> str:
    """The end of a complaint about `word`: which of `choices` is likely meant, if any."""
    near = difflib.get_close_matches(word, list(choices), 1)
    return f", did you mean `{near[0]}`?" if near else ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    """The members of a list, an empty one for each that is none."""
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []


def _untyped(tables_or_objects: list[dict[str, Any]], where: Where) -> Iterator[Where]:
    """Where there are columns, or members of columns, without a type."""
    for index, holder in enumerate(tables_or_objects):
        yield from _untyped_members(holder, (*where, index))


def _untyped_members(holder: dict[str, Any], where: Where) -> Iterator[Where]:
    members = [((*where, "properties", i), m) for i, m in enumerate(_dicts(holder.get("properties")))]
    nested = [((*where, "items"), holder.get("items"))]
    if isinstance(holder.get("map"), dict):
        nested += [((*where, "map", part), holder["map"].get(part)) for part in ("key", "value")]
    for place, member in [*members, *nested]:
        if isinstance(member, dict):
            if "logicalType" not in member:
                yield place
            yield from _untyped_members(member, place)


def _loader() -> Any:
    """A YAML loader that keeps dates as text, which ODCS, being JSON, means, and every digit of a number."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # untyped
        yaml_implicit_resolvers: ClassVar = {
            first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    def number(loader: Any, node: Any) -> float | Decimal:
        value: float = loader.construct_yaml_float(node)
        try:
            exact = Decimal(node.value.replace("_", ""))
        except InvalidOperation:  # .inf, .nan and 60-based numbers
            return value
        return value if Decimal(repr(value)) == exact else exact

    Loader.add_constructor("tag:yaml.org,2002:float", number)
    return Loader


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def _lines(node: Any, where: Where, problems: list[tuple[Where, str]]) -> Iterator[tuple[Where, int]]:
    yield where, node.start_mark.line + 1
    if node.id == "mapping":
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                problems.append(((*where, name), f"`{name}` is given twice"))
            seen.add(name)
            yield from _lines(value, (*where, name), problems)
    elif node.id == "sequence":
        for index, item in enumerate(node.value):
            yield from _lines(item, (*where, index), problems)
