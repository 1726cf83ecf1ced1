"""A virtual clock: the production decisions, played without a database."""
