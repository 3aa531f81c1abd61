"""Where a service is, and who we are there: addresses, credentials, channels."""
