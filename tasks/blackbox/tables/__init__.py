"""Tables of hyper-parameters and their outcomes, as functions of the unit box (protocol §9)."""
