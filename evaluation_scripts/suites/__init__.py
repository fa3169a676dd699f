"""Suites of test sets: a checkpoint's answers or anybody's scores under one protocol, and systems side by side."""
