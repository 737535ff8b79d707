"""What exists in AWS: stacks, one construct per stage, packaging, configuration."""
