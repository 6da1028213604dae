"""What is searched: the language of update rules (protocol §1)."""
