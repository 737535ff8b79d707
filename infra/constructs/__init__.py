"""One construct for each stage, and the parts they are made of."""
