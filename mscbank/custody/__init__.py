"""Custody: vials, where they are, who holds them, and what stands in their way."""
