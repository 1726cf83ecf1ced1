"""What a change of definitions would do."""
