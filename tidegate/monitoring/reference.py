"""What an evaluation keeps in evaluations/<run>/reference/, for later windows to be held against."""

LABELS = "labels.parquet"  # profile of the labels that trained the model, see tidegate.monitoring.label_trust
