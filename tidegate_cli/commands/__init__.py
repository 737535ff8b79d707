"""One module for each verb, each with a `command`."""
