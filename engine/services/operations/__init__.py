"""What operators may do, one thing a file."""
