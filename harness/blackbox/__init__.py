"""Contests over points of the unit box: black-box functions, and what minimizes them ([L2L-BB], protocol §9)."""
