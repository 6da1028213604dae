"""The families of problems that learned optimizers are trained on and compared on (protocol §8)."""
