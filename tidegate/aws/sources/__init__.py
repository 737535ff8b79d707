"""Source systems, each as what Collect asks of it."""
