"""What ``import harness`` offers: races, confirmations and scores as calls, and stores as arrays, frames and boards."""

# What callers and commands alike do where nothing else is said; nothing is imported to read it.
CHILDREN, SEEDS = 12, 2  # a search that ends in about two minutes on two cores
TOP = 5  # rules of each searcher that a confirmation retrains
FRESH_SEEDS, MOST_FRESH_SEEDS = 10, 20  # of a confirmation; the exact test goes through all 2ⁿ signs of n seeds
REPORT = "report.html"  # in the results folder
EXPORT = "export"  # a folder beside the ledger
