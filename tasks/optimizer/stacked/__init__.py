"""Many rules stepped together on a processor, each to the bits that it has alone."""
