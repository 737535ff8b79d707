"""The parts of the serving container."""
