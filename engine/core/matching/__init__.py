"""What one event leads to: moments, entries, exits, goals."""
