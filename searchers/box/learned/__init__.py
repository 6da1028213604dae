"""Recurrent networks that minimize functions over the unit box ([L2L-BB], protocol §9)."""
