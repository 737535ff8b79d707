"""Distances between floating-point numbers, by their bit patterns written out."""

import math
import struct

import numpy as np
import pytest

from tidegate.columns.ulps import ulps

FAR = 2**64 - 1


def double(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def single(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


@pytest.mark.parametrize(
    ("left", "right", "steps"),
    [
        (1.0, 1.0, 0),
        (1.0, double(0x3FF0000000000004), 4),  # 1.0 is 0x3FF0000000000000
        (1.0, double(0x3FF0000000000005), 5),
        (1.0, double(0x3FEFFFFFFFFFFFFF), 1),  # the step below 1 is half as wide
        (-1.0, double(0xBFF0000000000003), 3),
        (double(1), double(0x8000000000000001), 3),  # the smallest above 0, 0.0, -0.0, the smallest below
        (0.0, -0.0, 1),
        (math.nan, math.nan, 0),
        (math.nan, double(0xFFF8000000000123), 0),  # whatever the NaN
        (math.nan, 1.0, FAR),
        (1.0, math.nan, FAR),
        (1.7976931348623157e308, math.inf, 1),
    ],
)
def test_steps_between_doubles(left, right, steps):
    assert ulps(np.array([left]), np.array([right])).tolist() == [steps]
    assert ulps(np.array([right]), np.array([left])).tolist() == [steps]


def test_steps_of_a_float32_are_counted_in_float32_though_it_travels_as_a_double():
    one, next_but_one = 1.0, single(0x3F800002)  # 1.0 is 0x3F800000
    assert ulps(np.array([one]), np.array([next_but_one]), "float32").tolist() == [2]
    assert ulps(np.array([one]), np.array([next_but_one])).tolist() == [2 * 2**29]


def test_every_element_has_its_own_distance():
    left, right = np.array([1.0, math.nan, 2.0]), np.array([1.0, math.nan, math.nan])
    assert ulps(left, right).tolist() == [0, 0, FAR]
