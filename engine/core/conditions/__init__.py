"""What holds and what does not: three truths, with a trace."""
