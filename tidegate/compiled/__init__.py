"""A fitted model as numbers: compiled once, read anywhere, one row scored without numpy or scikit-learn.

compiler, of_trees, of_lightgbm, of_linear, of_steps     a fitted estimator -> the document
scorer, model, layout, steps, trees, unrolled, links     the document -> predictions, standard library only
matrix, masks                                            the same for many rows, with numpy
edges, parity                                            whether both say the same
"""
