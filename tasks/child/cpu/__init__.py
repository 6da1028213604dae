"""The child's steps on a processor, as machine code."""
