"""What the bytes of an operation mean: typed messages, error details in words, progress."""
