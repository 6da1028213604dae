"""How many functions a space contains: its strings are enumerated and compared by algebra and by numbers alone."""
