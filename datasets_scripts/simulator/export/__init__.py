"""Simulated records in the official layouts of real corpora."""
