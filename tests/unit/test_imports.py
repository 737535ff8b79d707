"""What control functions load: never the data stack, not even by way of something else."""

import pytest

from bench import cold_start


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return cold_start.variables(tmp_path_factory.mktemp("built") / "pipeline")


def imported(module, environment):
    """Names of the top-level modules that a process has when it imported this one."""
    *_, loaded = cold_start.once(f"import {module}", environment)
    return set(loaded)


@pytest.mark.parametrize("name", cold_start.CONTROL)
def test_a_control_function_never_reaches_the_data_stack(name, environment):
    loaded = imported(f"functions.{name}", environment)
    assert not cold_start.HEAVY & loaded
    assert ("boto3" in loaded) == (name != "describe_api")  # which calls nobody


def test_the_list_would_be_noticed_on_a_data_function(environment):
    assert "pyarrow" in imported("functions.validate_shard", environment)


def test_a_trial_starts_without_what_only_the_chosen_configuration_needs(environment):
    loaded = imported("training_jobs.train", environment)
    assert "pyarrow" in loaded
    assert not {"duckdb", "skops", "pandas", "sklearn"} & loaded
