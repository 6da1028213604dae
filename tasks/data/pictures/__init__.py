"""Pictures of any size that are read one by one, since all of them together do not fit into memory."""
