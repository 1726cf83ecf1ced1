"""Definitions played on made or recorded histories, as a calendar."""
