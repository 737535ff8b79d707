"""A tuning job of a toy objective, and its training jobs."""

from sagemaker_cloud import unique

# a toy objective with its minimum at x = 0.3; one category always crashes
SCRIPT = """
import json, os, pathlib, sys
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
values = json.loads((root / "input/config/hyperparameters.json").read_text())
if values.get("kind") == "broken":
    sys.exit("this kind never works")
print(f"loss=9;loss={(float(values['x']) - 0.3) ** 2};")
print("objective is", values["_tuning_objective_metric"], "static is", values["folds"])
"""


def ranges(continuous=True, kinds=("a", "b")):
    found = {}
    if continuous:
        found["ContinuousParameterRanges"] = [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]
    if kinds:
        found["CategoricalParameterRanges"] = [{"Name": "kind", "Values": list(kinds)}]
    return found


def request(aws, script=SCRIPT, jobs=4, parallel=2, regex=r"loss=([-+0-9.e]+);", **config):
    job = aws.training_request(
        aws.image(script), algorithm={"MetricDefinitions": [{"Name": "loss", "Regex": regex}]}
    )
    del job["TrainingJobName"]
    limits = {"MaxParallelTrainingJobs": parallel, **({"MaxNumberOfTrainingJobs": jobs} if jobs else {})}
    return {
        "HyperParameterTuningJobName": unique("tune")[:32],
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": limits,
            "ParameterRanges": ranges(),
            "RandomSeed": 7,
            **config,
        },
        "TrainingJobDefinition": {"StaticHyperParameters": {"folds": "5"}, **job},
    }


def tune(aws, *arguments, **changes):
    """(description, children in order of their names) of a tuning job that has ended."""
    wanted = request(aws, *arguments, **changes)
    name = wanted["HyperParameterTuningJobName"]
    aws.sagemaker.create_hyper_parameter_tuning_job(**wanted)
    return aws.ended("tuning", name, seconds=120), children(aws, name)


def children(aws, name, **options):
    paginator = aws.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    pages = paginator.paginate(HyperParameterTuningJobName=name, **options)
    return [child for page in pages for child in page["TrainingJobSummaries"]]


def loss(child):
    return child["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
