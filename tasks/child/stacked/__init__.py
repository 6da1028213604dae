"""Many children at once on a GPU."""
