"""The tests of operation."""
