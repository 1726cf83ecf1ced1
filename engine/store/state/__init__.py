"""Facts as they stand: one module a noun."""
