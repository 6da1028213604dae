"""What scores rules: the child on images, and toys."""
