"""The workloads on text: a language model, and translation (protocol §7, [NOS] §5)."""
