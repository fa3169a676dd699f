"""The way of a training row: choose corpora, load, label, filter, batch."""
