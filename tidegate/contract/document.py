"""An ODCS file with the line of everything in it, and the mistakes found so far."""

import datetime as dt
import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from tidegate.errors import ConfigError

Where = tuple[str | int, ...]
_COLUMN = ("schema", 0, "properties", 0)  # how deep a column lies


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
            text = path.read_text(encoding="utf-8")
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            data = _with_text_dates(yaml.safe_load(text))
        except FileNotFoundError as cause:
            raise ConfigError(
                f"`{path}` does not exist", hint="`contract` in pipeline.toml names the contract file"
            ) from cause
        except (yaml.YAMLError, UnicodeDecodeError) as cause:
            raise ConfigError(f"`{path}` is not YAML", cause=" ".join(str(cause).split())) from cause
        if not isinstance(data, dict):
            raise ConfigError(f"`{path}` is not a data contract", cause="it holds no keys")
        document = cls(path=path, data=data, lines={})
        document.lines.update(_lines(node, (), document.problems))
        return document

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
            cause="; ".join(f"line {line}: {what}" for line, what in found),
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
        untyped = self._untyped_columns()
        for where in untyped:
            self.problem(where, f"`{'.'.join(map(str, where))}` has no `logicalType`")
        for error in errors:
            # The schema takes a column without a type for one of every type, and complains about each.
            if error.where[: len(_COLUMN)] in untyped:
                continue
            # A mistake inside an object also leaves the object's sound keys unevaluated: tell the first only.
            if error.validator == "unevaluatedProperties" and any(e.is_inside(error) for e in errors):
                continue
            self.problem(error.where, error.sentence(known))
        if not self.problems and not self.data.get("schema"):
            self.problem((), "`schema` is missing: it lists the table and its columns")

    def _untyped_columns(self) -> set[Where]:
        return {
            ("schema", t, "properties", c)
            for t, table in enumerate(_dicts(self.data.get("schema")))
            for c, column in enumerate(_dicts(table.get("properties")))
            if "logicalType" not in column
        }

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
            near = difflib.get_close_matches(extra[0], known_keys - set(extra), 1) if extra else []
            names = ", ".join(f"`{name}`" for name in extra)
            return f"{place}: unknown key {names}" + (f", did you mean `{near[0]}`?" if near else "")
        return f"{place}: {self.message[:200]}"


def _dicts(value: Any) -> list[dict[str, Any]]:
    """The members of a list, an empty one for each that is none."""
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []


def _with_text_dates(value: Any) -> Any:
    """YAML reads 2026-01-01 as a date; ODCS, being JSON, means the text."""
    if isinstance(value, dict):
        return {str(key): _with_text_dates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text_dates(item) for item in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


def _lines(node: Any, where: Where, problems: list[tuple[Where, str]]) -> Iterator[tuple[Where, int]]:
    yield where, node.start_mark.line + 1
    if node.id == "mapping":
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                problems.append(((*where, key.value), f"`{key.value}` is given twice"))
            seen.add(key.value)
            yield from _lines(value, (*where, key.value), problems)
    elif node.id == "sequence":
        for index, item in enumerate(node.value):
            yield from _lines(item, (*where, index), problems)
