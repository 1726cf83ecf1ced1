"""Events: what they are, read from what was posted, in one canonical form."""
