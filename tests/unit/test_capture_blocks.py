"""Blocks of whole lines, and where their lines end."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.monitoring.capture_blocks import blocks, ends, parts


@given(
    st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), max_size=9), st.integers(1, 20)
)
def test_blocks_hold_all_bytes_and_end_where_a_line_ends(lines, size):
    text = b"\n".join(lines)
    found = list(blocks(io.BytesIO(text), size))
    assert b"".join(found) == text
    assert all(block.endswith(b"\n") for block in found[:-1])
    assert all(found)


def test_lines_of_objects_end_before_their_newlines():
    assert ends(b'{"a":1}\n{}').tolist() == [7, 10]
    assert ends(b"{}\n").tolist() == [2]


@pytest.mark.parametrize(
    "block", [b"", b"\n", b"{}\n\n{}", b"{}\r\n{}", b'{"a":\n1}', b"[1]\n{}", b"{}\n{", b" {}"]
)
def test_other_lines_are_left_to_a_closer_look(block):
    assert ends(block) is None


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=20), st.integers(1, 60), st.sampled_from([b"", b"\n"])
)
def test_parts_are_all_lines_in_their_order(sizes, size, tail):
    lines = [b"{%s}" % (b" " * width) for width in sizes]
    block = b"\n".join(lines) + tail
    found = list(map(bytes, parts(block, ends(block), size)))
    assert b"\n".join(found).split(b"\n") == lines


def test_a_part_is_what_ends_in_one_stretch():
    block = b'{"a":1}\n{}\n{}\n{"b":2}'  # lines end at 7, 10, 13 and 21
    assert list(map(bytes, parts(block, ends(block), 8))) == [b'{"a":1}', b"{}\n{}", b'{"b":2}']
