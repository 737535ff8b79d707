"""The docstring of a function, which is its contract, in parts."""

import ast
import re

from synthesized import REPOSITORY

from infra.constructs.function import snake_case

FUNCTIONS = REPOSITORY / "functions"
ACTION = re.compile(r"\b[a-z][a-z0-9-]*:[A-Z]\w+")
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b|\bPREFIX\b")


def raises(step: str) -> set[str]:
    """Own errors that the function of a step may raise."""
    return set(re.findall(r"\w+Error\b", part_of(step, "Raises")))


def actions(step: str) -> set[str]:
    """IAM actions that it needs."""
    return set(ACTION.findall(part_of(step, "Needs")))


def variables(step: str) -> set[str]:
    """Environment variables that it reads."""
    return set(VARIABLE.findall(part_of(step, "Needs")))


def part_of(step: str, name: str) -> str:
    file = FUNCTIONS / f"{snake_case(step)}.py"
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    found = re.search(rf"^{name}\s+(.*?)(?=^\w|\Z)", docstring, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""
