"""Packed tables of outcomes: how they are made, what they show, and whether they are right (protocol §5)."""
