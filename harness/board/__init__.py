"""How results are judged and shown."""
