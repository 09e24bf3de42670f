"""Families: donors, recipients, how they are related, what they consented to, and who is enrolled."""
