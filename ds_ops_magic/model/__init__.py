"""What an operation is: its message, state, progress and errors, as values that do no input or output."""
