"""Functions against the template: what a docstring says it needs is what its role and environment give."""

import function_contracts
import pytest
from synthesized import REPOSITORY, Templates

from infra.constructs.function import snake_case

# of every function, whether it reads them or not
COMMON = {"PIPELINE_DIR", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}
NUMERIC = {
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *(
        "MALLOC_MMAP_THRESHOLD_",
        "MALLOC_TRIM_THRESHOLD_",
        "ARROW_DEFAULT_MEMORY_POOL",
        "JE_ARROW_MALLOC_CONF",
    ),
}
CONTROL = {
    *("ReceiveDrop", "QuarantineDrop", "AcquireTrainingLock", "SelectTrial"),
    *("PreflightCandidate", "CheckCandidate", "MirrorTraffic"),
    *("JudgeRollout", "AwaitApproval", "RestoreTraffic", "ReportRollout"),
    *("RecordOutcome", "FreeTrainingLock"),
    *("PlanWindow", "MeasureOperations", "DecideRetraining", "RecordIncident"),
    *("Predict", "Feedback", "DescribeApi"),
}
DATA = {
    *("PlanShards", "ValidateShard", "JudgeDrop", "RecordDatasetVersion", "RecordProfile"),
    *("PlanFeatures", "ComputeFeatures", "RecordFeatures", "RetireFeatures", "BuildTrainingSet"),
    *("MeasureSkew", "MeasureQuality", "IndexCaptures", "ReportWindow", "RecordRun"),
}
STEPS = sorted(CONTROL | DATA)
OF_SOURCES = {"Collect"}  # one for each source, and the example has none: test_infra_collection.py
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
POLL = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}  # the event source mapping's


def functions(templates: Templates) -> dict[str, dict]:
    """Every function by the name of its step."""
    found = templates.of("AWS::Lambda::Function").values()
    return {function["Properties"]["Description"].split()[0]: function for function in found}


def test_every_file_is_a_function_and_every_function_a_file(templates):
    files = {file.stem for file in (REPOSITORY / "functions").glob("*.py")} - {"__init__"}
    assert functions(templates).keys() == set(STEPS)
    assert files == {snake_case(step) for step in (*STEPS, *OF_SOURCES)}


def test_control_functions_ride_in_the_zip_and_data_functions_in_the_image(templates):
    for step, function in functions(templates).items():
        properties = function["Properties"]
        handler = f"functions.{snake_case(step)}.handler"
        if step in CONTROL:
            assert (properties["Handler"], properties["Runtime"]) == (handler, "python3.13")
            assert properties["Architectures"] == ["arm64"]
        else:
            assert properties["PackageType"] == "Image"
            assert properties["ImageConfig"]["Command"] == [handler]
            assert properties["Architectures"] == ["x86_64"]  # the image's


@pytest.mark.parametrize("step", STEPS)
def test_a_function_is_given_exactly_the_variables_it_reads(any_templates, step):
    given = set(functions(any_templates)[step]["Properties"]["Environment"]["Variables"])
    expected = COMMON | (NUMERIC if step in DATA else set()) | function_contracts.variables(step)
    assert given == expected


@pytest.mark.parametrize("step", STEPS)
def test_a_function_may_do_exactly_what_it_says_it_needs(any_templates, step):
    function = functions(any_templates)[step]
    held = any_templates.actions_of(any_templates.role_of(function, "Role")) - LOG
    needed = function_contracts.actions(step) | (POLL if step == "ReceiveDrop" else set())
    if "glue:UpdateTable" in needed:
        needed |= {"s3:ListBucket"}  # pyiceberg looks whether the metadata file it writes is there already
    assert held == needed


def test_all_functions_of_a_kind_run_the_same_code(templates):
    found = functions(templates)
    assert len({str(found[step]["Properties"]["Code"]) for step in CONTROL}) == 1
    assert len({str(found[step]["Properties"]["Code"]) for step in DATA}) == 1
