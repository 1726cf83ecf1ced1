"""Queries of what time brings."""
