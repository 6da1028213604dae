"""Learned optimizers: their comparison with rules and other optimizers (protocol §8)."""
