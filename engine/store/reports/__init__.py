"""Queries that only tell."""
