"""What trains a child's weights: a rule of the language as a torch optimizer, and fast ways to compute it."""
