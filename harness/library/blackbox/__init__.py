"""Contests over the unit box: what ``harness.blackbox(…)`` does, and the command calls."""
