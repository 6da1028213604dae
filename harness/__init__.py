"""The harness: where methods that discover neural-network optimizers compete."""

__version__ = "0.1.0"
