"""Optimizers of the unit box, and the searchers of rules that they make (protocol §9)."""
