"""The workloads: what a rule is worth on other networks and data (protocol §7, [NOS] §5)."""
