"""The text tower of the shipped checkpoint: a small encoder that embeds a wording as a large one does."""
