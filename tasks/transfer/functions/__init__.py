"""The workload on a function instead of a network: Rosenbrock's (protocol §7)."""
