"""Learned optimizers beside rules and torch's optimizers on fresh problems: their records and boards (protocol §8)."""
