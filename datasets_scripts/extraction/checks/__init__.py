"""Whether an extraction is to be trusted: the audit page, scores, and agreement of label sets."""
