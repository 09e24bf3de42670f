"""What operates an installation: the demonstration, and later its measures, backups and cures."""
