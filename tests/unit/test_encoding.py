import json

import numpy as np
import pytest

from tidegate.training.encoding import Encoding, learnable


def texts(*values):
    return np.array(values, dtype=object)


COLUMNS = {"carrier": texts("UA", None, "AA", "UA"), "miles": np.array([1.0, np.nan, 3.0, 4.0])}


def test_text_becomes_the_position_of_its_category_in_order_of_the_alphabet():
    encoding = Encoding.fit(COLUMNS)
    assert encoding.categories == {"carrier": ("AA", "UA")}
    assert encoding.categorical == [0]
    expected = [[1, 1], [np.nan, np.nan], [0, 3], [1, 4]]
    np.testing.assert_array_equal(encoding.matrix(COLUMNS), expected)


def test_an_unknown_category_is_missing():
    found = Encoding.fit(COLUMNS).matrix({"carrier": texts("B6", "AA"), "miles": np.zeros(2)})
    np.testing.assert_array_equal(found, [[np.nan, 0], [0, 0]])


def test_columns_are_taken_by_name_in_the_order_that_was_fitted():
    encoding = Encoding.fit(COLUMNS)
    swapped = {name: COLUMNS[name] for name in ("miles", "carrier")}
    np.testing.assert_array_equal(encoding.matrix(swapped), encoding.matrix(COLUMNS))


def test_a_column_of_numbers_without_any_value_is_learnt_from_as_zeros():
    nan = np.nan
    matrix = np.array([[nan, nan, 1.0], [nan, nan, nan]])
    np.testing.assert_array_equal(learnable(matrix, [0]), [[nan, 0, 1], [nan, 0, nan]])
    assert np.isnan(matrix[:, 1]).all()


def test_a_matrix_with_a_value_in_each_column_is_learnt_from_as_it_is():
    matrix = np.array([[1.0, np.nan], [np.nan, 2.0]])
    assert learnable(matrix) is matrix


def test_a_text_column_without_any_value_has_no_categories():
    columns = {"carrier": texts(None, None)}
    encoding = Encoding.fit(columns)
    assert encoding.categories == {"carrier": ()}
    assert np.isnan(encoding.matrix(columns)).all()


def test_one_row_gets_the_code_it_gets_among_many():
    encoding = Encoding.fit(COLUMNS)
    whole = encoding.matrix(COLUMNS)
    for i in range(4):
        one = encoding.matrix({name: column[i : i + 1] for name, column in COLUMNS.items()})
        np.testing.assert_array_equal(one, whole[i : i + 1])


def test_survives_json():
    encoding = Encoding.fit(COLUMNS)
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding


def test_a_missing_column_is_an_error_not_a_shift():
    with pytest.raises(KeyError, match="miles"):
        Encoding.fit(COLUMNS).matrix({"carrier": texts("UA")})
