"""How a search is run: protocols, seeds, the loop, the engine and the ledger (protocol §3)."""
