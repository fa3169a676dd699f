"""How far simulated strips are from real ones."""
