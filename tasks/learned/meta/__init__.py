"""Meta-training: how the weights of a learned optimizer are found by gradient descent."""
