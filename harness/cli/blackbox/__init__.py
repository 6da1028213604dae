"""The command ``harness blackbox``."""
