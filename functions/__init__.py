"""What runs in Lambda: one thin file per function; its docstring is its contract."""
