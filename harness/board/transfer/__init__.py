"""What candidates are worth on other workloads: transfers, the funnel, and their boards (protocol §7)."""
