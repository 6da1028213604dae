"""Packed tables of outcomes, to look up what every function of a small space earned (protocol §5)."""
