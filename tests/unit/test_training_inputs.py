"""What decides a model's bytes: the id of it, and the name of what differs."""

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.contract import compile_contract
from tidegate.contract.plan import ContractPlan
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.plan import Plan
from tidegate.settings.config import PipelineConfig
from tidegate.training import training_inputs

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
ROWS = {"train": "a" * 64, "test": "b" * 64}
ID_OF_THE_EXAMPLE = """
from test_training_inputs import FLIGHTS, ROWS, example
from tidegate.training import training_inputs
print(training_inputs.content_id(training_inputs.of_plan(example(), FLIGHTS), ROWS))
"""


def example(**training):
    config = PipelineConfig.from_toml(FLIGHTS / "pipeline.toml", "dev")
    return Plan(
        config=dataclasses.replace(config, training=dataclasses.replace(config.training, **training)),
        contract=ContractPlan.from_json(compile_contract(FLIGHTS / "contract.yaml")),
        feature_document=compile_feature_set(FLIGHTS / "features.py", "flight_delay"),
        code_version="c" * 64,
    )


@pytest.fixture(scope="module")
def plan():
    return example()


def id_of(plan, folder=FLIGHTS, **rows):
    return training_inputs.content_id(training_inputs.of_plan(plan, folder), ROWS | rows)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_finds_the_same_id(plan, seed):
    environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", ID_OF_THE_EXAMPLE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == id_of(plan)


def test_every_input_changes_the_id(plan, tmp_path):
    (tmp_path / "metric.py").write_text("def mine(labels, predicted): return 1.0\n")
    features = {**plan.feature_document, "hash": "d" * 64}
    others = [
        id_of(plan, train="e" * 64),
        id_of(plan, test="e" * 64),
        id_of(plan, tmp_path),
        id_of(dataclasses.replace(plan, code_version="e" * 64)),
        id_of(dataclasses.replace(plan, feature_document=features)),
        id_of(dataclasses.replace(plan, contract=dataclasses.replace(plan.contract, hash="e" * 64))),
        id_of(example(seed=1)),
        id_of(example(parameters={"max_iter": 41, "early_stopping": False})),
    ]
    assert len({id_of(plan), *others}) == 9


def test_when_a_run_starts_and_how_long_it_may_take_changes_nothing(plan):
    other = example(cooldown_seconds=1, maximum_runtime_seconds=2, new_data="never", reuse=False)
    assert id_of(other) == id_of(plan)


def test_files_are_named_as_they_lie_in_their_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.parquet").write_bytes(b"abc")
    (tmp_path / "b.parquet").write_bytes(b"")
    # NIST's test vectors of SHA-256
    assert training_inputs.files(tmp_path) == {
        "a/x.parquet": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "b.parquet": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }


def test_one_byte_of_the_code_changes_its_digest_and_a_cache_does_not(tmp_path):
    package = tmp_path / "jobs"
    package.mkdir()
    (package / "train.py").write_text("x = 1\n")
    before = training_inputs.code(package)
    (package / "train.pyc").write_bytes(b"\0")
    assert training_inputs.code(package) == before
    (package / "train.py").write_text("x = 2\n")
    assert training_inputs.code(package) != before


def test_a_difference_is_named_down_to_its_member_with_both_values():
    digests = [hashlib.sha256(text).hexdigest() for text in (b"a", b"b")]
    before = {"rows": {"part-0.parquet": digests[0]}, "training": {"seed": 1, "folds": 3}}
    after = {"rows": {"part-0.parquet": digests[1]}, "training": {"seed": 2, "folds": 3}, "new": None}
    assert list(training_inputs.differences(before, after)) == [
        "new: absent -> None",
        f"rows.part-0.parquet: {digests[0][:16]}... -> {digests[1][:16]}...",
        "training.seed: 1 -> 2",
    ]
    assert list(training_inputs.differences(before, before)) == []
