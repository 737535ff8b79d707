"""What a failed training execution says: the words of the job, out of what Step Functions makes of them."""

import json

import jsonata
import pytest
from jsonata.utils import Utils
from synthesized import REPOSITORY

FAILED = json.loads((REPOSITORY / "step_functions" / "training.asl.json").read_text())["States"][
    "TrainingFailed"
]
LEAK = 'LeakDetectedError: target leak in `arr_delay`\n  cause: `arr_delay` alone tells "late": AUC 1'
# as `.sync` gives a failed job: its description, members of other kinds around
TRAINING = {
    "TrainingJobName": "train-1",
    "TrainingJobStatus": "Failed",
    "FailureReason": f"AlgorithmError: {LEAK}, exit code: 1",
    "HyperParameters": {"purpose": "final"},
}
PROCESSING = {
    "ProcessingJobName": "evaluate-1",
    "ExitMessage": "ArtefactError: the artefact was changed",
    "ProcessingJobStatus": "Failed",
    "FailureReason": "AlgorithmError: See job logs for more information",
}
KILLED = {"TrainingJobName": "train-1", "FailureReason": "AlgorithmError: , exit code: 137"}


def said(error, cause):
    """(Error, Cause) as the Fail state makes them of the two variables."""
    document = jsonata.Jsonata

    def evaluate(member):
        expression = document(FAILED[member].removeprefix("{%").removesuffix("%}"))
        expression.assign("error", error)
        expression.assign("cause", cause)
        expression.register_lambda("parse", json.loads)
        return expression.evaluate(Utils.NULL_VALUE)

    return evaluate("Error"), evaluate("Cause")


@pytest.mark.parametrize(
    ("error", "cause", "named", "words"),
    [
        pytest.param(
            "States.TaskFailed",
            json.dumps(TRAINING, separators=(",", ":")),
            "LeakDetectedError",
            f"job train-1 failed: AlgorithmError: {LEAK}, exit code: 1",
            id="a job that named its error",
        ),
        pytest.param(
            "States.TaskFailed",
            json.dumps(PROCESSING),
            "ArtefactError",
            "job evaluate-1 failed: ArtefactError: the artefact was changed",
            id="a processing job, whose words are its exit message",
        ),
        pytest.param(
            "States.TaskFailed",
            json.dumps(KILLED),
            "TaskFailed",
            "job train-1 failed: AlgorithmError: , exit code: 137",
            id="a job that was killed and said nothing",
        ),
        pytest.param(
            "States.TaskFailed",
            f"training job tune-1-001-ab failed: AlgorithmError: {LEAK}, exit code: 1",
            "LeakDetectedError",
            f"training job tune-1-001-ab failed: AlgorithmError: {LEAK}, exit code: 1",
            id="a trial",
        ),
        pytest.param(
            "States.TaskFailed",
            json.dumps(TRAINING)[: json.dumps(TRAINING).index("alone")],
            "LeakDetectedError",
            json.dumps(TRAINING)[: json.dumps(TRAINING).index("alone")],
            id="a description that was cut short",
        ),
        pytest.param("States.Timeout", "", "Timeout", "", id="a task that timed out"),
        pytest.param(
            "SageMaker.AmazonSageMakerException",
            "Could not find image (Service: AmazonSageMaker)",
            "SageMaker.AmazonSageMakerException",
            "Could not find image (Service: AmazonSageMaker)",
            id="a request that was refused",
        ),
    ],
)
def test_a_failed_run_says_which_job_failed_and_why_in_its_own_words(error, cause, named, words):
    assert said(error, cause) == (named, words)
