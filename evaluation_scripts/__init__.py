"""Road 4: scores of a checkpoint, with intervals and controls."""
