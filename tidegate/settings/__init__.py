"""pipeline.toml: its tables as frozen values, its mistakes with file and line."""
