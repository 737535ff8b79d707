"""What no honest training set holds: columns that tell the label or the future, rows on both sides of a fold.

    sample.py     what is looked at, and what was found
    target.py     a column that alone predicts the label nearly perfectly, or names part of it
    fitted.py     a column computed from the very labels it is to predict
    future.py     a column that follows what had not happened yet
    sides.py      rows, moments and groups on both sides of a fold
    detector.py   all of them, and the error that stops a run

Pure: NumPy arrays in, findings out. Every limit is above what honest data shows;
`tests/unit/test_leaks_honest.py` simulates how often it is not.
"""
