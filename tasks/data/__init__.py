"""The data sets of the child's examples."""
