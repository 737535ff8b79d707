"""The lines a person reads: columns that stand still, and the one number of each state."""

import json
from pathlib import Path

import pytest

from tidegate_cli.facts import FACTS, Told, number, skipped
from tidegate_cli.log_text import Said, read
from tidegate_cli.narration import Line, Narrator

MACHINES = Path(__file__).resolve().parents[2] / "step_functions"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:Ingestion:drop-1"


def states_of(definition):
    """Every state of a machine, those inside of Maps too."""
    for name, state in definition["States"].items():
        yield name
        if "ItemProcessor" in state:
            yield from states_of(state["ItemProcessor"])


def test_columns_stand_where_the_eye_and_grep_expect_them(capsys):
    narrator = Narrator()
    narrator.say("place", "this machine")
    narrator.tell(Line("ingestion", "ValidateShard", "ok", 0.4, "300 rows"))
    narrator.tell(Line("monitoring", "DriftAlarm", "ALARM", 12.34))
    assert capsys.readouterr().err.splitlines() == [
        "place     this machine",
        "  ingestion   ValidateShard          ok            0.4 s   300 rows",
        "  monitoring  DriftAlarm             ALARM        12.3 s",
    ]


def test_a_quiet_narrator_keeps_its_lines_and_prints_none(capsys):
    narrator = Narrator(quiet=True)
    narrator.tell(Line("features", "PlanFeatures", "ok", 1.23456, "2 partitions"))
    assert capsys.readouterr() == ("", "")
    assert narrator.lines[0].to_json() == {
        "stage": "features",
        "state": "PlanFeatures",
        "verdict": "ok",
        "seconds": 1.235,
        "number": "2 partitions",
    }


def test_every_state_with_a_number_is_a_state_of_some_machine():
    definitions = [json.loads(path.read_text()) for path in MACHINES.glob("*.asl.json")]
    assert FACTS.keys() <= {state for definition in definitions for state in states_of(definition)}


@pytest.mark.parametrize(
    "state, answer, told",
    [
        (
            "JudgeDrop",
            {"Payload": {"status": "quarantine", "checks": 47, "checks_failed": 2, "rows": 28834}},
            Told("45 of 47 checks over 28,834 rows", "quarantine"),
        ),
        (
            "JudgeDrop",
            {"Payload": {"status": "warn", "checks": 1, "checks_failed": 0, "rows": 1}},
            Told("1 of 1 check over 1 row", "warn"),
        ),
        (
            "RecordFeatures",
            {"Payload": {"rows": 13302, "online_rows": 1, "without_key": 0, "known_early": 0}},
            Told("13,302 rows, 1 entity online"),
        ),
        (
            "RecordFeatures",
            {"Payload": {"rows": 13302, "online_rows": 18, "without_key": 1, "known_early": 2}},
            Told(
                "13,302 rows, 18 entities online; 1 source row without a key left out;"
                " 2 source rows known too early",
                "warn",
            ),
        ),
        ("RetireFeatures", {"Payload": {"versions": [], "rows": 0}}, None),
        (
            "RetireFeatures",
            {"Payload": {"versions": ["v@1", "v@2"], "rows": 7}},
            Told("v@1, v@2: 7 rows removed"),
        ),
        (
            "PlanFeatures",
            {"Payload": {"feature_hash": "ab" * 32, "batches": [], "future_rows": 0}},
            Told("features abababab: nothing new to compute"),
        ),
        (
            "PlanFeatures",
            {
                "Payload": {
                    "feature_hash": "ab" * 32,
                    "batches": [{}],
                    "engine": "functions",
                    "ticks": 1440,
                    "future_rows": 3,
                }
            },
            Told("features abababab, 1,440 ticks in 1 batch; 3 rows from the future wait", "warn"),
        ),
        (
            "AcquireTrainingLock",
            {"Payload": {"acquired": False, "reason": "another training run is in progress", "run": "r"}},
            Told("another training run is in progress", "skipped"),
        ),
        (
            "TuneModel",
            {
                "TrainingJobStatusCounters": {"Completed": 6, "Stopped": 0},
                "BestTrainingJob": {"FinalHyperParameterTuningJobObjectiveMetric": {"Value": 0.693712}},
            },
            Told("6 trials, best 0.6937"),
        ),
        ("TuneModel", {"TrainingJobStatusCounters": {}}, Told("0 trials")),
        (
            "TuneModel",
            {"TrainingJobStatusCounters": {"Completed": 5, "Stopped": 3, "NonRetryableError": 1}},
            Told("8 trials, 3 stopped early, 1 failed"),
        ),
        ("SelectTrial", {"Payload": {"reason": "0.7 is the smallest"}}, Told("0.7 is the smallest")),
        (
            "TrainModel",
            {
                "FinalMetricDataList": [
                    {"MetricName": "validation:score", "Value": 0.6937},
                    {"MetricName": "validation:score_std", "Value": 0.0152},
                ]
            },
            Told("cross-validated 0.6937 +/- 0.0152"),
        ),
        (
            "RegisterCandidate",
            {"ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/flights-dev/2"},
            Told("flights-dev/2"),
        ),
        (
            "JudgeRollout",
            {"Payload": {"decision": "wait", "candidate_errors": 0.0, "candidate_requests": 13.0}},
            Told("candidate: 0 errors of 13 requests", "wait"),
        ),
        ("PlanWindow", {"Payload": {"records": 321, "ready": True}}, Told("321 captured records")),
        ("PlanWindow", {"Payload": {"records": 1, "ready": False}}, Told("1 captured record", "waits")),
        (
            "MeasureSkew",
            {"Payload": {"rows": 321, "maximum": 0.0, "feature": None}},
            Told("321 vectors compared, none differs"),
        ),
        (
            "MeasureSkew",
            {"Payload": {"rows": 200, "maximum": 0.125, "feature": "rate"}},
            Told("`rate` differs in 12.5% of 200 vectors", "skew"),
        ),
        (
            "MeasureSkew",
            {"Payload": {"rows": 0, "maximum": None, "feature": None}},
            Told("no vector could be compared"),
        ),
        (
            "MeasureQuality",
            {"Payload": {"rows": 1, "status": "insufficient", "value": None}},
            Told("1 labelled prediction: too few to tell"),
        ),
        (
            "MeasureQuality",
            {
                "Payload": {"rows": 400, "status": "breach", "value": 0.5, "low": 0.45, "high": 0.55}
                | {"promised": 0.7}
            },
            Told("0.5000 [0.4500, 0.5500] of 400 labelled predictions, promised 0.7000", "breach"),
        ),
        (
            "MeasureQuality",
            {
                "Payload": {"rows": 400, "status": "suspicious", "value": 0.5, "low": 0.45, "high": 0.55}
                | {"promised": 0.7}
            },
            Told("0.5000 [0.4500, 0.5500] of 400 labelled predictions, promised 0.7000", "suspicious"),
        ),
    ],
)
def test_a_states_answer_becomes_its_one_number(state, answer, told):
    assert number(state, answer) == told


@pytest.mark.parametrize(
    "earlier, told",
    [
        (None, {}),
        (
            {"run": "r-1", "model_uri": None, "package_arn": None},
            {"TuneModel": "same inputs as run r-1"},
        ),
        (
            {"run": "r-1", "model_uri": "s3://lake/m", "package_arn": None},
            dict.fromkeys(("TuneModel", "TrainModel"), "same inputs as run r-1"),
        ),
        (
            {
                "run": "r-1",
                "model_uri": "s3://lake/m",
                "package_arn": "arn:aws:sagemaker:us-east-1:1:model-package/f/2",
            },
            dict.fromkeys(("TuneModel", "TrainModel"), "same inputs as run r-1, registered as f/2"),
        ),
    ],
    ids=["new inputs", "a model that is gone", "a model", "a registered model"],
)
def test_what_a_run_need_not_pay_for_again_is_told(earlier, told):
    assert skipped("BuildTrainingSet", {"Payload": {"earlier": earlier}}) == told


def test_bookkeeping_states_have_no_line():
    assert number("ReleaseTrainingLock", {"SdkHttpMetadata": {}}) is None


@pytest.mark.parametrize(
    "line, said",
    [
        ("START RequestId: 1 Version: $LATEST", None),
        ("REPORT RequestId: 1\tDuration: 9.23 ms", None),
        ('{"_aws": {"CloudWatchMetrics": []}, "FailedPredictions": [1.0]}', None),
        (
            '{"level":"INFO","message":"planned shards","service":"flights-dev","key":"a b.csv","shards":1}',
            Said("INFO planned shards  key=a b.csv  shards=1"),
        ),
        ('{"level":"ERROR","message":"no model"}', Said("ERROR no model", is_error=True)),
        (
            json.dumps(
                {
                    "level": "ERROR",
                    "errorType": "DropUnreadableError",
                    "errorMessage": "cut off\n  hint: again",
                    "stackTrace": [
                        '  File "a.py", line 1, in f\n    g()',
                        '  File "b.py", line 2, in g\n    h()',
                    ],
                }
            ),
            Said(
                'ERROR DropUnreadableError: cut off\n  hint: again\n  File "b.py", line 2, in g',
                is_error=True,
            ),
        ),
        (json.dumps({"type": "TaskStateEntered", "details": {}, "execution_arn": EXECUTION}), None),
        (
            json.dumps(
                {
                    "type": "ExecutionFailed",
                    "details": {"error": "E", "cause": "c"},
                    "execution_arn": EXECUTION,
                }
            ),
            Said("ERROR ExecutionFailed E: c  run=drop-1", is_error=True),
        ),
        ("[metric] validation:score=0.69;", Said("[metric] validation:score=0.69;")),
        ("Traceback (most recent call last):", Said("Traceback (most recent call last):", is_error=True)),
        ("42", Said("42")),
    ],
)
def test_a_line_of_a_log_says_what_a_person_wants_to_know(line, said):
    assert read(line) == said
