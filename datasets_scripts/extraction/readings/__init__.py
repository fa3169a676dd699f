"""From the text of a statement to findings of the terminology."""
