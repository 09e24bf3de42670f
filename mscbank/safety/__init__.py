"""Safety: adverse events from consent onward, visits, the gate between dose levels, the published table."""
