"""Meta-training: how the weights of a learned optimizer of the unit box are found by gradient descent."""
