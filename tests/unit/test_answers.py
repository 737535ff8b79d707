"""Answers of the three tasks: what is watched of them, and how far apart two of them are."""

import math

import pytest

from tidegate.serving.answers import distance, measured

CLASSES = {"label": "b", "probabilities": {"a": 0.25, "b": 0.75}}


@pytest.mark.parametrize(
    ("answer", "watched"),
    [
        ({"probability": 1}, {"probability": 1.0}),
        ({"value": -3.5}, {"value": -3.5}),
        (CLASSES, {"label": "b", "confidence": 0.75}),
    ],
)
def test_of_each_task_a_number_is_watched_and_of_classes_the_label_too(answer, watched):
    assert measured(answer) == watched


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({}, KeyError),
        ({"probability": "0.5"}, TypeError),
        ({"value": True}, TypeError),
        ({"label": "c", "probabilities": {"a": 1.0}}, KeyError),
        ({"label": "a"}, KeyError),
        ({"label": "a", "probabilities": {"a": None}}, TypeError),
    ],
)
def test_what_is_no_answer_is_refused(answer, error):
    with pytest.raises(error):
        measured(answer)


def test_the_distance_is_that_of_the_number_furthest_apart():
    assert distance({"value": 2.0}, {"value": 2.5}) == 0.5
    assert distance(CLASSES, {"label": "b", "probabilities": {"a": 0.5, "b": 0.625}}) == 0.25


def test_a_label_that_last_bits_decide_is_no_difference_but_swapped_classes_are():
    tie = {"label": "a", "probabilities": {"a": 0.5, "b": 0.5}}
    assert distance(tie, {"label": "b", "probabilities": {"a": 0.5, "b": 0.5}}) == 0
    assert distance(CLASSES, {"label": "a", "probabilities": {"a": 0.75, "b": 0.25}}) == 0.5


def test_no_number_is_infinitely_far_away():
    assert distance({"value": 1.0}, {"value": math.nan}) == math.inf
    assert distance({"value": math.inf}, {"value": math.inf}) == math.inf


@pytest.mark.parametrize("given", [{"value": 0.5}, {}, {"label": "a", "probabilities": {"a": 0.5}}])
def test_answers_of_two_tasks_cannot_be_compared(given):
    with pytest.raises(KeyError):
        distance({"probability": 0.5}, given)
