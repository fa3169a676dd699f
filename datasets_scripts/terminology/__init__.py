"""The findings the project knows, those that are measured, and what is composed of them."""
