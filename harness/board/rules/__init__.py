"""Rules judged: the best of the searches beside the known optimizers, on fresh seeds."""
