"""Batch: culture from one donation for one relative: passages, counts, material lots, yields."""
