"""What makes equal functions one: products, factors, and the facts that simplifying rests on."""
