"""The data sets of text: one running text, and pairs of sentences (protocol §7)."""
