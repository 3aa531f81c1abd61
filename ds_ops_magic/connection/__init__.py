"""Connections to an OperationService: addresses, credentials, channels."""
