"""Where a prediction comes from, and what rows have become: the pure part of `tidegate why` and `impact`."""
