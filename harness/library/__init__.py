"""What ``import harness`` offers: races, confirmations and scores as calls, and stores as arrays, frames and boards."""
