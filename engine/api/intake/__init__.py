"""Events in: every form a body may have, until the 202."""
