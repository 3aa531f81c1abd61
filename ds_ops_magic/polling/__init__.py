"""Polling: when operations are asked about, how fast, with which retries and on which thread."""
