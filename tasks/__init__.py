"""The tasks, which score rules: the child on images, and toys."""
