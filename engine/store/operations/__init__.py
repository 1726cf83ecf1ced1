"""What operators write, and the log of it."""
