"""Optimizers of the unit box on black-box functions: their records and boards ([L2L-BB], protocol §9)."""
