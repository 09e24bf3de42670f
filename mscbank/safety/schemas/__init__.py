"""The shapes of events, of visits, and of the report with its gates."""
