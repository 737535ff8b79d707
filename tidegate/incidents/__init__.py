"""What happened to the pipeline and what is done about it: incidents, messages, the decision to retrain."""
