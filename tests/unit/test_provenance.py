"""Hashes of what a model was made from: equal for equal inputs, different for any change."""

import hashlib

import numpy as np
import pytest

from infra.packaging import CHECKOUT
from tidegate.contract import compile_contract
from tidegate.contract.plan import ContractPlan
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.plan import Plan
from tidegate.settings.config import PipelineConfig
from tidegate.training import provenance
from tidegate.training.splits import Fold

FLIGHTS = CHECKOUT / "examples" / "flights"


@pytest.fixture(scope="module")
def plan():
    return Plan(
        config=PipelineConfig.from_toml(FLIGHTS / "pipeline.toml", "dev"),
        contract=ContractPlan.from_json(compile_contract(FLIGHTS / "contract.yaml")),
        feature_document=compile_feature_set(FLIGHTS / "features.py", "flight_delay"),
        code_version="test",
    )


@pytest.fixture
def told(plan, tmp_path):
    def tell(content=b"rows", learn=(0, 1, 2), validate=(4, 5)):
        (tmp_path / "part.parquet").write_bytes(content)
        fold = Fold(np.array(learn), np.array(validate))
        return provenance.of(plan, tmp_path, [fold], 3600.0)

    return tell


def test_the_rows_are_named_by_the_bytes_of_their_files(told):
    assert told()["rows_sha256"] == hashlib.sha256(b"part.parquet\0rows").hexdigest()
    assert told(b"other")["rows_sha256"] != told()["rows_sha256"]


def test_a_side_of_a_fold_is_named_by_its_rows_whatever_their_order(told):
    [fold] = told()["folds"]
    positions = b"".join(n.to_bytes(8, "little") for n in (0, 1, 2))
    rows = hashlib.sha256(b"part.parquet\0rows").hexdigest()
    assert fold["learn_sha256"] == hashlib.sha256(rows.encode() + positions).hexdigest()
    assert (fold["learn_rows"], fold["validate_rows"]) == (3, 2)
    assert told(learn=(2, 0, 1))["folds"] == [fold]
    assert told(learn=(0, 1, 3))["folds"] != [fold]
    assert told(b"other")["folds"] != [fold]


def test_the_processor_is_told_by_what_numpy_uses_of_it(told):
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    assert told()["cpu_features"].split() == [*found["baseline"], *found.get("found", [])]
