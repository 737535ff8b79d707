"""Outcomes as callers tell them."""

import csv

import pytest

from tidegate.serving.outcomes import as_csv, of_csv, problem


@pytest.mark.parametrize(
    ("task", "outcome"),
    [("binary", 0), ("binary", 1.0), ("multiclass", "late"), ("regression", -2), ("regression", 1.5)],
)
def test_an_outcome_of_its_task_has_no_problem(task, outcome):
    assert problem(task, outcome) is None


@pytest.mark.parametrize(
    ("task", "outcome", "sentence"),
    [
        ("binary", 2, "must be 0 or 1"),
        ("binary", True, "must be 0 or 1"),
        ("binary", "1", "must be 0 or 1"),
        ("binary", None, "must be 0 or 1"),
        ("multiclass", 1, "must be the name of a class, 1-256 characters"),
        ("multiclass", "", "must be the name of a class, 1-256 characters"),
        ("multiclass", "x" * 257, "must be the name of a class, 1-256 characters"),
        ("regression", "3", "must be a finite number"),
        ("regression", False, "must be a finite number"),
        ("regression", float("nan"), "must be a finite number"),
        ("regression", 10**400, "must be a finite number"),
    ],
)
def test_any_other_outcome_is_told_what_it_must_be(task, outcome, sentence):
    assert problem(task, outcome) == sentence


def test_the_same_outcome_is_the_same_text_however_it_was_told():
    assert as_csv("binary", 1) == as_csv("binary", 1.0) == "1"
    assert as_csv("regression", 2) == as_csv("regression", 2.0) == "2.0"
    assert as_csv("multiclass", "late") == "late"


def test_a_class_with_commas_and_quotes_is_one_field_of_csv():
    name = 'late, by "fog"'
    assert list(csv.reader([as_csv("multiclass", name)])) == [[name]]


@pytest.mark.parametrize(
    "task, outcome",
    [
        ("binary", 1),
        ("regression", 0.1),
        ("regression", -1e300),
        ("multiclass", 'a "b", c'),
        ("multiclass", " "),
    ],
)
def test_an_outcome_is_read_as_it_was_written(task, outcome):
    assert of_csv(task, as_csv(task, outcome)) == outcome


@pytest.mark.parametrize(
    "task, text", [("binary", "0.5"), ("regression", "inf"), ("multiclass", ""), ("multiclass", "a,b")]
)
def test_what_is_no_outcome_is_not_read(task, text):
    with pytest.raises(ValueError, match="outcome"):
        of_csv(task, text)
