"""What a process of the local cloud is given by its host: the first folder of its PYTHONPATH."""
