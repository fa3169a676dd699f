"""One pass over the records of a corpus: shared among processes, and kept as it goes, so that a killed one goes on."""
