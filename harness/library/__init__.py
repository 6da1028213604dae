"""What ``import harness`` offers: functions to race, confirm and score, and stores as arrays, frames and boards."""

# Defaults of both functions and commands; reading them imports nothing.
CHILDREN, SEEDS = 12, 2  # a search that ends in about two minutes on two cores
TOP = 5  # rules of each searcher that a confirmation retrains
FRESH_SEEDS, MOST_FRESH_SEEDS = 10, 20  # of a confirmation; the exact test tries all 2ⁿ signs of n seeds
TRANSFER_SEEDS = 5
REPORT = "report.html"  # in the results folder
EXPORT = "export"  # a folder beside the ledger
