"""Learned optimizers ([L2L], protocol §8): an LSTM that writes the updates, its meta-training and its comparison."""
