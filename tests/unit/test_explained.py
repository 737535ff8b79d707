"""What a window's vectors are encoded to, and when nothing is said of what answers rest on."""

from types import SimpleNamespace

import numpy as np
import pytest

from tidegate.monitoring.explained import explained, vector_matrix
from tidegate.training.encoding import Encoding

ENCODING = Encoding(("carrier", "hour"), {"carrier": ("AA", "UA")})
MODEL = SimpleNamespace(encoding=ENCODING)


def test_vectors_are_encoded_as_training_rows_are():
    found = vector_matrix(MODEL, [["UA", 8.0], [None, None], ["XX", True]])
    assert np.array_equal(found, [[1, 8], [np.nan, np.nan], [np.nan, 1]], equal_nan=True)


@pytest.mark.parametrize(
    "vectors, attributions, rows",
    [
        ([["UA", 8.0]] * 29, {"carrier": 1.0}, 29),
        ([["UA", 8.0]] * 20 + [["UA"]] * 10, {"carrier": 1.0}, 20),
        ([["UA", "8"]] * 10 + [[7, 8.0]] * 10 + [["UA", 8.0]] * 20, {"carrier": 1.0}, 20),
        ([["UA", 8.0]] * 30, {}, 30),
    ],
    ids=["few", "of another length", "of other types", "no attributions of training"],
)
def test_without_vectors_of_this_model_enough_nothing_is_said(vectors, attributions, rows):
    found = explained(
        MODEL, SimpleNamespace(attributions=attributions), vectors, alarm=0.1, seed=1, minimum_rows=30
    )
    assert (found.status, found.rows, found.drift) == ("insufficient", rows, None)
