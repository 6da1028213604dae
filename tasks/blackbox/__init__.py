"""Families of black-box functions over the unit box, which optimizers of the box minimize (protocol §9)."""
