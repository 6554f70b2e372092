"""Random settings in random worlds with random faults; after each the six invariants."""
