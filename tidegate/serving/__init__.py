"""Serving's pure core, which needs no numpy: an artefact's files, values of JSON, and a model row by row."""
