import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PRODUCT = ("tidegate", "functions", "training_jobs")
SDKS = {"boto3", "botocore", "awswrangler", "aws_lambda_powertools", "sagemaker"}
PLACES = re.compile(r"localhost|127\.0\.0\.1|\bmoto\b|localstack|AWS_SAM_LOCAL", re.IGNORECASE)


def sources(*folders):
    return sorted(path for folder in folders for path in (CHECKOUT / folder).rglob("*.py"))


def imported(path):
    """Top-level packages that a file imports at run time; what only type checkers see does not count."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", sources("tidegate"), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_only_the_adapters_touch_aws(path):
    if (CHECKOUT / "tidegate" / "aws") not in path.parents:
        assert not SDKS & set(imported(path))


@pytest.mark.parametrize("path", sources(*PRODUCT), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_the_product_never_asks_where_it_is(path):
    assert not PLACES.findall(path.read_text())


def test_the_rules_would_notice_a_break():
    assert "boto3" in set(imported(CHECKOUT / "functions" / "predict.py"))
    assert PLACES.findall("http://127.0.0.1:4566")
