"""Asking about operations: when, how fast, with which retries, on which thread."""
