"""What is not about operations: text, threads, files, forks."""
