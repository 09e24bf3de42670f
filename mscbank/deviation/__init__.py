"""Deviations: what went otherwise than it should, on any thing, until quality assurance has closed it."""
