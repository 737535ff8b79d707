"""Metrics in log lines: embedded metric format, and the patterns of metric filters."""

import json

import pytest

from localcloud.cloudwatch.emf import FormatError, read
from localcloud.cloudwatch.filter_pattern import PatternError, compile_pattern, member
from localcloud.cloudwatch.store import Metric

NOW = 1_700_000_000.0


def line(directive=None, **members):
    directive = {
        "Namespace": "Shop",
        "Dimensions": [["Service"], ["Service", "Zone"]],
        "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}, {"Name": "Errors"}],
    } | (directive or {})
    metadata = {"Timestamp": 1_699_999_990_000, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, "Service": "api", "Zone": "a"} | members)


def test_every_dimension_set_is_a_metric_of_its_own():
    data = read(line(Latency=12.5), NOW)
    assert [datum.metric for datum in data] == [
        Metric.of("Shop", "Latency", {"Service": "api"}),
        Metric.of("Shop", "Latency", {"Service": "api", "Zone": "a"}),
    ]
    assert {(d.sample.total, d.unit, d.when, d.resolution) for d in data} == {
        (12.5, "Milliseconds", 1_699_999_990, 60)
    }


def test_an_array_is_many_values_and_a_unit_is_none_unless_given():
    data = read(line({"Dimensions": [[]]}, Errors=[1, 2, 3]), NOW)
    assert [(d.metric.dimensions, d.sample.count, d.sample.total, d.unit) for d in data] == [
        ((), 3, 6, "None")
    ]


def test_high_resolution():
    (datum,) = read(line({"Metrics": [{"Name": "x", "StorageResolution": 1}], "Dimensions": [[]]}, x=1), NOW)
    assert datum.resolution == 1


@pytest.mark.parametrize("text", ["plain", '{"level": "INFO"}', '{"_aws": 1}', '{"_aws": {}', '["_aws"]'])
def test_other_lines_are_no_metrics(text):
    assert read(text, NOW) == []


@pytest.mark.parametrize(
    "text",
    [
        line(Latency="fast"),
        line(Latency=True),
        line(Latency=[1] * 101),
        line({"Dimensions": [["Missing"]]}, Latency=1),
        line({"Namespace": None} | {"Metrics": [{"Unit": "Count"}]}, Latency=1),
        '{"_aws": {"Timestamp": 1}}',
    ],
)
def test_what_breaks_the_specification_is_told(text):
    with pytest.raises(FormatError):
        read(text, NOW)


LOG = json.dumps(
    {"level": "ERROR", "status": 503, "user": {"name": "ann", "tags": ["x", "y"]}, "ok": True, "cause": None}
)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "ERROR",
        '": 503,"',
        "ERROR -fatal",
        "?fatal ?ERROR",
        '{ $.level = "ERROR" }',
        "{ $.level = ERROR }",
        '{ $.level = "ERR*" }',
        '{ $.level != "INFO" }',
        "{ $.status = 503 }",
        "{ $.status >= 500 && $.status < 600 }",
        '{ ($.status = 200 || $.status = 503) && $.user.name = "ann" }',
        '{ $.user.tags[1] = "y" }',
        "{ $.ok IS TRUE }",
        "{ $.cause IS NULL }",
        "{ $.nothing NOT EXISTS }",
    ],
)
def test_the_line_matches(pattern):
    assert compile_pattern(pattern)(LOG)


@pytest.mark.parametrize(
    "pattern",
    [
        "FATAL",
        "ERROR -ann",
        "?fatal ?panic",
        '{ $.level = "INFO" }',
        "{ $.status > 503 }",
        "{ $.level > 1 }",
        '{ $.nothing != "x" }',
        "{ $.ok IS FALSE }",
        "{ $.status = 200 || $.status = 503 && $.ok IS FALSE }",
    ],
)
def test_the_line_does_not_match(pattern):
    assert not compile_pattern(pattern)(LOG)


def test_a_condition_on_members_needs_json():
    assert not compile_pattern('{ $.level != "INFO" }')("level ERROR")


@pytest.mark.parametrize(
    "pattern",
    ["[ip, user]", "%ERR.*%", "{ level = 1 }", "{ $.a ~ 1 }", "{ $.a > x }", "{ ($.a = 1 }", "{ $.a = }"],
)
def test_is_refused(pattern):
    with pytest.raises(PatternError):
        compile_pattern(pattern)


def test_a_member_is_found_by_its_path():
    assert member(json.loads(LOG), "$.user.tags[0]") == "x"
    assert member(json.loads(LOG), "$.user.age") is None
