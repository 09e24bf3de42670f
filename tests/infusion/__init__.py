"""Tests of the infusion."""
