"""Other people's validators on the same data and rules, each run in an environment of its own."""
