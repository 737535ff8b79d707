"""From labelled rows to a registered model: splits, search, artefact, gate and record."""
