"""The page of an evaluation: sound HTML, every section told, nothing of the data escapes into it."""

from dataclasses import replace

import numpy as np
import pytest
from test_evaluation import ROWS, planted, sigmoid, subject
from test_report_page import HOSTILE, Outline

from tidegate.evaluation.evaluation import evaluate
from tidegate.evaluation.feature_value import FeatureValue
from tidegate.evaluation.resampled import Scorer
from tidegate.report.evaluation_page import page
from tidegate.settings.gate_section import CostsSection, FairnessSection, GateSection
from tidegate.training import metrics

SECTION = GateSection(
    slices=("carrier",),
    costs=CostsSection(false_positive=1, false_negative=5),
    fairness=FairnessSection(sensitive="carrier", demographic_parity=0.01),
    bootstrap_replicates=100,
)


def evaluated(name="UA", run="new"):
    """An evaluation in which a value of a column and a feature are called `name`."""
    draw, truth, labels, carriers, moments = planted()
    carriers[carriers == "UA"] = name
    features = (FeatureValue(feature=name, loss=0.1, deviation=0.0, beside_shadow=0.0, shadow=0.1),)
    asked = subject(
        sigmoid(truth),
        sigmoid(truth + draw.normal(size=ROWS)),
        labels,
        carriers,
        moments,
        features=features,
        threshold=0.2,
    )
    return evaluate(replace(asked, candidate=replace(asked.candidate, run=run)), SECTION, seed=1)


def test_reasons_come_first_and_each_check_is_told():
    found = evaluated()
    told = page(found)
    assert Outline(told).faults == []
    assert "Candidate new: refused" in told and "1 of 10 checks refuse it." in told
    assert told.index("tag e'>fail") < told.index("tag g'>pass")
    for check in found.gate.checks:
        assert check.sentence.split("`")[0][:30] in told
    for section in ("why", "metric", "answers", "costs", "slices", "fairness", "features"):
        assert f"<section id={section}>" in told
    assert "no better" in told


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_the_data_becomes_markup_and_nothing_is_asked_for(text):
    outline = Outline(page(evaluated(text, text)))
    assert outline.faults == []
    assert not {"script", "img", "iframe", "object"} & set(outline.tags)
    assert not [name for _, name, _ in outline.attributes if name.startswith("on")]
    asked = [value for _, name, value in outline.attributes if name in ("src", "href")]
    assert all(value.startswith(("#", "data:,")) for value in asked)


def test_numbers_have_errors_instead_of_reliability():
    draw, truth, _, carriers, moments = planted()
    scorer = Scorer("neg_mean_absolute_error", metrics.neg_mean_absolute_error)
    asked = subject(truth + draw.normal(size=ROWS), None, truth, carriers, moments, scorer=scorer)
    asked = replace(asked, task="regression", baselines={"majority": np.zeros(ROWS)})
    told = page(evaluate(asked, GateSection(bootstrap_replicates=100), seed=1))
    assert Outline(told).faults == [] and "Prediction minus label" in told and "calibration" not in told
