"""The front door: every HTTP request is read, checked and laid to a role here before moto answers it."""
