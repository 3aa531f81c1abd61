"""Asking: when, how fast, with which retries, on which thread."""
