"""Packed tables of outcomes: how they are made, what they show, and whether they are correct (protocol §5)."""
