"""Definitions of conditions, written once by a language model and confirmed by a person."""
