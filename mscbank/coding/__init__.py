"""Codes, symbols and paper: pure functions over text and numbers; no request, no database, no clock."""
