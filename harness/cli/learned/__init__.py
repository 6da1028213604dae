"""The commands about learned optimizers."""
