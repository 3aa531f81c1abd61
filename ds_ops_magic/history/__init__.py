"""What was followed from here, by earlier kernels too, and how long it took."""
