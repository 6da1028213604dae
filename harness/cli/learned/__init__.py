"""The commands of ``harness learn``."""
