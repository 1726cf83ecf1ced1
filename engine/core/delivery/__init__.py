"""What becomes of a step that is due: sent, skipped, delayed, and with which content."""
