"""Trace: reads everything, writes nothing. Any code leads to the whole way, back and forward."""
