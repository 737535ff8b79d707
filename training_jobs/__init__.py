"""What runs in containers: one entry point, one module per job."""
