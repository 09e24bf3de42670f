"""The two doors of the house: JSON under ``/api/v1`` and pages for people. They call the same actions."""
