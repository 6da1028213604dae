"""The canonical form, equal for equal functions: products, factors, and the facts that simplification uses."""
