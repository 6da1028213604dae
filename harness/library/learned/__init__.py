"""Learned optimizers: what ``import harness`` offers about them, and their commands call."""
