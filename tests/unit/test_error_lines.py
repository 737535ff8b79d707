"""What went wrong, why, and what to do: a line each, and several reasons under each other."""

import pytest

from tidegate.contract.document import Document
from tidegate.errors import ConfigError
from tidegate_cli.failure import CommandError


@pytest.mark.parametrize(
    "error, lines",
    [
        (ConfigError("it broke"), ["it broke"]),
        (ConfigError("it broke", hint="mend it"), ["it broke", "  hint:  mend it"]),
        (
            ConfigError("it broke", cause="line 3: one\nline 7: two", hint="mend\nboth"),
            [
                "it broke",
                "  cause: line 3: one",
                "         line 7: two",
                "  hint:  mend",
                "         both",
            ],
        ),
    ],
    ids=["alone", "a hint", "several lines"],
)
def test_each_reason_has_a_line_of_its_own(error, lines):
    assert str(error).splitlines() == lines
    assert CommandError.of(error).format_message() == str(error)


def test_several_mistakes_of_a_contract_are_told_under_each_other(tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text("kind: DataContract\nid: x\n")
    document = Document.read(path)
    document.problem(("id",), "too short")
    document.problem(("kind",), "unknown")
    with pytest.raises(ConfigError) as raised:
        document.raise_problems()
    assert str(raised.value).splitlines()[1:3] == [
        "  cause: line 1: unknown",
        "         line 2: too short",
    ]
