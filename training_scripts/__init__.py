"""Road 3: pretraining, from prepared corpora to a checkpoint."""
