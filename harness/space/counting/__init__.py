"""How many functions a space holds: its strings gone through, by algebra and by numbers alone."""
