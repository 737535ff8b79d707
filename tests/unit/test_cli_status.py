"""What `tidegate status` says of the quality of predictions."""

from tidegate_cli.commands.status import quality_lines

MEASURED = {"status": "breach", "rows": 400, "value": 0.5, "low": 0.45, "high": 0.55, "promised": 0.7}
ESTIMATED = {"estimate_status": "kept", "estimate": 0.69}


def test_a_measured_quality_stands_beside_its_promise():
    labelled = "from 400 outcomes, 25% of predictions have one"
    assert quality_lines(MEASURED | ESTIMATED | {"coverage": 0.25}) == [
        f"quality   breach: 0.5000 [0.4500, 0.5500], promised 0.7000, {labelled}",
        "estimated kept: 0.6900",
    ]


def test_without_outcomes_and_licence_no_number_is_made_up():
    nothing = {"status": "insufficient", "rows": 0, "value": None, "low": None, "high": None}
    unlicensed = {"estimate_status": "unlicensed", "estimate": None}
    assert quality_lines(nothing | unlicensed | {"promised": 0.7, "coverage": None}) == [
        "quality   0 outcomes, 0% of predictions have one",
        "estimated unlicensed",
    ]
