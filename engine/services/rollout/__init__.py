"""Changing definitions: previewed, simulated, planned, applied."""
