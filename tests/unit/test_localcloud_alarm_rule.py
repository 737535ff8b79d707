"""Composite alarm rules: what they mean, and what is not one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.cloudwatch.alarm_rule import RuleError, children, holds, parse

STATES = {"up": "OK", "down": "ALARM", "new": "INSUFFICIENT_DATA", "a name, with (signs)": "ALARM"}


def truth(rule):
    return holds(parse(rule), STATES.__getitem__)


@pytest.mark.parametrize(
    "rule",
    [
        "ALARM(down)",
        'ALARM("down")',
        "OK('up')",
        "INSUFFICIENT_DATA(new)",
        'ALARM("a name, with (signs)")',
        "TRUE",
        "NOT FALSE",
        "NOT ALARM(up) AND OK(up)",
        "TRUE OR TRUE AND FALSE",  # AND binds tighter: TRUE OR (TRUE AND FALSE)
        "NOT (ALARM(up) OR OK(down))",
        "(ALARM(up)OR ALARM(down))",
        "AT_LEAST(1, ALARM, (up, down, new))",
        "AT_LEAST(2, NOT OK, (up, down, new))",
        'AT_LEAST("50%", ALARM, (up, down))',
    ],
)
def test_is_true(rule):
    assert truth(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "ALARM(up)",
        "FALSE",
        "NOT TRUE OR FALSE",
        "(TRUE OR TRUE) AND FALSE",
        "AT_LEAST(2, ALARM, (up, down, new))",
        'AT_LEAST("51%", ALARM, (up, down))',  # 51 % of two is two
    ],
)
def test_is_false(rule):
    assert not truth(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "down",
        "ALARM()",
        "ALARM(down",
        "ALARM(down))",
        "ALARM(down) ALARM(up)",
        "ALARM(down) AND",
        "BROKEN(down)",
        "NOT",
        'ALARM("down)',
        "AT_LEAST(x, ALARM, (up))",
    ],
)
def test_is_refused(rule):
    with pytest.raises(RuleError):
        parse(rule)


def test_children_are_named_as_written_arns_too():
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"
    assert list(children(parse(f"ALARM({arn}) AND NOT (OK('b') OR AT_LEAST(1, OK, (c, d)))"))) == [
        arn, "b", "c", "d",
    ]  # fmt: skip


def _expressions(depth=3):
    leaf = st.sampled_from(["TRUE", "FALSE", "ALARM(down)", "ALARM(up)", 'OK("up")'])
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map(lambda e: f"NOT ({e})"),
            st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
                lambda t: f"({t[0]}) {t[1]} ({t[2]})"
            ),
            st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(" ".join),
        ),
        max_leaves=8,
    )


@given(_expressions())
def test_means_what_the_same_expression_means_in_python(rule):
    # Python's not, and, or bind in the same order
    python = rule.replace("AND", "and").replace("OR", "or").replace("NOT", "not")
    for text, value in {"ALARM(down)": "True", "ALARM(up)": "False", 'OK("up")': "True"}.items():
        python = python.replace(text, value)
    python = python.replace("TRUE", "True").replace("FALSE", "False")
    assert truth(rule) == eval(python)  # noqa: S307  made of five words above
