"""What an evaluation finds out about a candidate: a module for each question."""
