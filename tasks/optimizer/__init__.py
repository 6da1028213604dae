"""What trains a child's weights: a rule of the language as a torch optimizer, and the ways to compute it fast."""
