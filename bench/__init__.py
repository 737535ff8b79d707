"""Numbers with the commands that make them."""
