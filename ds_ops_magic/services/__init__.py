"""What particular services offer beyond Get and Cancel."""
