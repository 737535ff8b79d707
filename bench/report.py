"""How every bench reports: a table, `--json` for one object, `--check` to fail when a target is missed."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Figure:
    """One measured number; `target` is the most or the least it may be.

    A figure that could not be measured has no value but says why; its target is not met.
    """

    name: str
    value: float | None
    unit: str
    target: float | None = None
    bound: Literal["most", "least"] = "most"
    skipped: str = ""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        if self.value is None:
            return False
        return self.value <= self.target if self.bound == "most" else self.value >= self.target

    def to_json(self) -> dict[str, Any]:
        found = {"value": self.value, "unit": self.unit, "target": self.target, "met": self.met}
        return found | ({"skipped": self.skipped} if self.skipped else {})


def main(
    name: str,
    measure: Callable[[], list[Figure]],
    parts: Mapping[str, Callable[[], list[Figure]]] | None = None,
) -> None:
    """Parse the options, measure, print; exits 1 with `--check` when a target is missed.

    Each of `parts` is an option of its own: where any is named, only those are measured.
    """
    parts = parts or {}
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}")
    parser.add_argument(
        "--json", action="store_true", help="print one object {figure: {value, unit, target, met}}"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    for part, of_part in parts.items():
        words = (of_part.__doc__ or part).partition("\n")[0]
        parser.add_argument(f"--{part}", action="append_const", dest="parts", const=part, help=words)
    options = parser.parse_args()
    chosen = [parts[part] for part in getattr(options, "parts", None) or ()] or [measure]
    figures = [figure for measured in chosen for figure in measured()]
    if options.json:
        print(json.dumps({figure.name: figure.to_json() for figure in figures}))
    else:
        for figure in figures:
            print(_row(figure))
    if options.check and any(figure.met is False for figure in figures):
        sys.exit(1)


def _row(figure: Figure) -> str:
    target = "" if figure.target is None else f"at {figure.bound} {figure.target:g}"
    met = {None: "", True: "met", False: "MISSED"}[figure.met]
    if figure.value is None:
        return f"{figure.name:<52}    skipped {target:<14} {met} {figure.skipped}".rstrip()
    return f"{figure.name:<52} {figure.value:10.3f} {figure.unit:<20} {target:<14} {met}".rstrip()
