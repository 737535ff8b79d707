"""Feature sets: defined, checked, hashed, computed, joined and looked up."""
