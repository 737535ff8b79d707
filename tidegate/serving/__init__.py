"""A request and its answer: checked, assigned, scored row by row or as arrays, described."""
