"""The pure parts of SageMaker: metrics, search space, weights, early stopping, capture records, keys."""

import json
import math
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.sagemaker.capture import Exchange, file_key, record, rules
from localcloud.sagemaker.early_stopping import worse_than_median
from localcloud.sagemaker.metrics import MetricScan
from localcloud.sagemaker.space import combinations, parameters
from localcloud.sagemaker.uris import join, relative, split
from localcloud.sagemaker.weights import NoTrafficError, Weights

# --- Metrics


def test_every_match_of_every_metric_in_a_line_is_a_value():
    scan = MetricScan(
        [
            {"Name": "auc", "Regex": r"auc=([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?);"},
            {"Name": "n", "Regex": r"n=(\d+)"},
        ]
    )
    assert list(scan.values("auc=0.5; n=7 auc=-1e-2;")) == [("auc", 0.5), ("auc", -0.01), ("n", 7.0)]


@pytest.mark.parametrize("text", ["nan", "inf", "", "fast"])
def test_what_is_no_finite_number_is_no_value(text):
    assert list(MetricScan([{"Name": "m", "Regex": "m=(.*)"}]).values(f"m={text}")) == []


@pytest.mark.parametrize("regex", ["m=.*", "m=("])
def test_an_expression_without_a_group_or_that_does_not_compile_names_its_metric(regex):
    with pytest.raises(ValueError, match="metric 'loss'"):
        MetricScan([{"Name": "loss", "Regex": regex}])


# --- Search space


class Proposal:
    """Stands for an Optuna trial: notes what it was asked, and answers with the low end."""

    def __init__(self):
        self.asked = {}

    def suggest_float(self, name, low, high, log=False):
        self.asked[name] = (low, high, log)
        return low

    def suggest_int(self, name, low, high, log=False):
        self.asked[name] = (low, high, log)
        return low

    def suggest_categorical(self, name, choices):
        self.asked[name] = choices
        return choices[0]


def suggested(kind, **item):
    """(the text, what Optuna was asked) of one range."""
    (parameter,) = parameters({f"{kind}ParameterRanges": [{"Name": "x", **item}]})
    proposal = Proposal()
    return parameter.suggest(proposal), proposal.asked


def test_a_range_of_texts_becomes_numbers_and_its_value_a_text():
    assert suggested("Continuous", MinValue="0.01", MaxValue="0.3", ScalingType="Logarithmic") == (
        "0.01",
        {"x": (0.01, 0.3, True)},
    )
    assert suggested("Integer", MinValue="8", MaxValue="64", ScalingType="Linear") == (
        "8",
        {"x": (8, 64, False)},
    )
    assert suggested("Categorical", Values=["p", "q"]) == ("p", {"x": ("p", "q")})


def test_a_reverse_logarithm_searches_the_distance_from_one():
    text, asked = suggested("Continuous", MinValue="0.5", MaxValue="0.75", ScalingType="ReverseLogarithmic")
    assert asked == {"1-x": (0.25, 0.5, True)}
    assert text == "0.75"  # 1 - 0.25


def recalled(text, kind="Continuous", **item):
    """(name, value) of a value tried elsewhere, as Optuna would have it; None outside of the range."""
    (parameter,) = parameters({f"{kind}ParameterRanges": [{"Name": "x", **item}]})
    found = parameter.recall(text)
    assert found is None or found[2]._contains(found[2].to_internal_repr(found[1]))
    return found and found[:2]


def test_a_value_tried_elsewhere_is_recalled_where_it_lies_in_the_range():
    wide, whole = {"MinValue": "0.5", "MaxValue": "0.75"}, {"MinValue": "2", "MaxValue": "9"}
    assert recalled("0.5", **wide) == ("x", 0.5)
    assert recalled("0.76", **wide) is None
    assert recalled("fast", **wide) is None
    assert recalled("0.7", **wide, ScalingType="ReverseLogarithmic") == ("1-x", pytest.approx(0.3))
    assert recalled("0.5", **wide, ScalingType="ReverseLogarithmic") == ("1-x", 0.5)
    assert recalled("2", "Integer", **whole) == ("x", 2)
    assert recalled("2.5", "Integer", **whole) is None
    assert recalled("10", "Integer", **whole) is None
    assert recalled("p", "Categorical", Values=["p", "q"]) == ("x", "p")
    assert recalled("r", "Categorical", Values=["p", "q"]) is None


@pytest.mark.parametrize(
    "low, high, logarithmic",
    [("1", "1000", True), ("1", "999", False), ("0", "1000", False), ("-9", "9", False)],
)
def test_auto_takes_a_logarithm_where_a_positive_range_spans_three_powers_of_ten(low, high, logarithmic):
    assert suggested("Continuous", MinValue=low, MaxValue=high)[1]["x"][2] is logarithmic


@pytest.mark.parametrize(
    "kind, item, word",
    [
        ("Continuous", {"MinValue": "2", "MaxValue": "1"}, "greater than"),
        ("Continuous", {"MinValue": "0", "MaxValue": "1", "ScalingType": "Logarithmic"}, "MinValue > 0"),
        ("Continuous", {"MinValue": "0", "MaxValue": "1", "ScalingType": "ReverseLogarithmic"}, "0 <= x < 1"),
        ("Integer", {"MinValue": "0.5", "MaxValue": "1"}, "no number"),
        ("Integer", {"MinValue": "1", "MaxValue": "2", "ScalingType": "ReverseLogarithmic"}, "continuous"),
    ],
)
def test_a_range_that_cannot_be_searched_is_refused_by_name(kind, item, word):
    with pytest.raises(ValueError, match=f"Parameter 'x'.*{word}"):
        suggested(kind, **item)


def test_a_space_has_ranges_and_names_each_parameter_once():
    with pytest.raises(ValueError, match="at least one"):
        parameters({})
    one = {"Name": "x", "Values": ["a"]}
    with pytest.raises(ValueError, match="twice"):
        parameters({"CategoricalParameterRanges": [one, one]})


def test_a_grid_has_the_product_of_its_categories_and_no_numbers():
    space = {
        "CategoricalParameterRanges": [{"Name": n, "Values": list(v)} for n, v in (("x", "abc"), ("y", "de"))]
    }
    assert combinations(parameters(space)) == 6
    space["IntegerParameterRanges"] = [{"Name": "z", "MinValue": "1", "MaxValue": "2"}]
    with pytest.raises(ValueError, match="not 'z'"):
        combinations(parameters(space))


# --- Early stopping


def test_a_job_stops_when_its_value_is_worse_than_the_median_of_running_averages():
    # running averages of the others up to epoch 2: 1.5, 3, 5; their median is 3
    others = [[1, 2, 9], [3, 3], [4, 6, 0]]
    assert worse_than_median([9, 3.1], others, minimize=True)
    assert not worse_than_median([9, 3.0], others, minimize=True)
    assert worse_than_median([9, 2.9], others, minimize=False)


def test_a_job_that_is_ahead_of_all_others_goes_on():
    assert not worse_than_median([9, 9, 9, 9], [[1, 2, 9], [3, 3]], minimize=True)


# --- Weights


def test_each_variant_has_its_share_of_the_sum():
    weights = Weights({"champion": 3, "candidate": 1})
    chosen = Counter(weights.choose(step / 1000) for step in range(1000))
    assert chosen == {"champion": 750, "candidate": 250}


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=10),
    st.one_of(st.floats(0, 1, exclude_max=True), st.just(math.nextafter(1, 0))),
)
def test_a_weight_of_0_is_never_chosen(values, fraction):
    weights = Weights({str(number): value for number, value in enumerate(values)})
    if sum(values) <= 0:
        with pytest.raises(NoTrafficError):
            weights.choose(fraction)
    else:
        assert values[int(weights.choose(fraction))] > 0


# --- Capture

WHEN = datetime(2026, 11, 23, 7, 49, 56, 123456, UTC)
CONFIG = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 50,
    "DestinationS3Uri": "s3://bucket/captures/",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}


def exchange(**changes):
    given_by_default = {
        "request": b"42,1,19.9\n",
        "request_type": "text/csv",
        "response": b"0.0254",
        "response_type": "text/csv; charset=utf-8",
        "when": WHEN,
    }
    return Exchange(**{**given_by_default, **changes})


def test_a_record_is_the_one_of_the_guide():
    line = record(exchange(inference_id="order-991", custom_attributes="trace=1"), rules(CONFIG), "5f0c")
    assert line == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv",
                "mode": "INPUT",
                "data": "42,1,19.9\n",
                "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "text/csv; charset=utf-8",
                "mode": "OUTPUT",
                "data": "0.0254",
                "encoding": "CSV",
            },
        },
        "eventMetadata": {
            "eventId": "5f0c",
            "inferenceId": "order-991",
            "customAttributes": ["trace=1"],
            "inferenceTime": "2026-11-23T07:49:56Z",
        },
        "eventVersion": "0",
    }
    assert json.loads(json.dumps(line)) == line


@pytest.mark.parametrize(
    "body, content_type, expected",
    [
        (b'{"a": 1}', "application/json", ('{"a": 1}', "JSON")),
        (b"a", "application/x-npy", ("YQ==", "BASE64")),  # a type that is not listed
        (b"\xff", "text/csv", ("/w==", "BASE64")),  # no text
    ],
)
def test_a_body_is_text_where_its_type_is_listed_and_it_is_text(body, content_type, expected):
    side = record(exchange(request=body, request_type=content_type), rules(CONFIG), "1")["captureData"][
        "endpointInput"
    ]
    assert (side["data"], side["encoding"]) == expected


def test_only_the_sides_asked_for_are_captured():
    only = {**CONFIG, "CaptureOptions": [{"CaptureMode": "Output"}]}
    assert set(record(exchange(), rules(only), "1")["captureData"]) == {"endpointOutput"}
    both = {**CONFIG, "CaptureOptions": [{"CaptureMode": "InputAndOutput"}]}
    assert set(record(exchange(), rules(both), "1")["captureData"]) == {"endpointInput", "endpointOutput"}
    assert rules({**CONFIG, "EnableCapture": False}) is None


def test_the_sample_is_the_percentage():
    assert sum(rules(CONFIG).takes(step / 1000) for step in range(1000)) == 500
    assert not rules({**CONFIG, "InitialSamplingPercentage": 0}).takes(0.0)


def test_a_file_lies_under_endpoint_variant_and_hour():
    assert file_key("churn", "main", WHEN, "abc") == "churn/main/2026/11/23/07/49-56-123-abc.jsonl"


# --- Keys


@pytest.mark.parametrize(
    "key, prefix, expected",
    [
        ("in/day/a/1.csv", "in/day/", "a/1.csv"),
        ("in/day/a/1.csv", "in/day", "a/1.csv"),
        ("in/day-2/1.csv", "in/day", "day-2/1.csv"),
        ("in/model.tar.gz", "in/model.tar.gz", "model.tar.gz"),
        ("a/1.csv", "", "a/1.csv"),
    ],
)
def test_a_key_lies_in_the_folder_by_what_comes_after_the_prefix(key, prefix, expected):
    assert relative(key, prefix) == expected


def test_uris_are_split_and_joined():
    assert split("s3://bucket/a/b c") == ("bucket", "a/b c")
    assert split("s3://bucket") == ("bucket", "")
    assert join("s3://bucket/a/", "b", "c") == "s3://bucket/a/b/c"
