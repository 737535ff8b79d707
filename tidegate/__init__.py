"""What we know: the product, shipped whole to functions and containers."""
