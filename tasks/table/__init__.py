"""Tables of outcomes, packed: every function of a small space with what it earned, to be looked up (protocol §5)."""
