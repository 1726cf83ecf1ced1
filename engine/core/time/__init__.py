"""Arithmetic of moments and days, in the customer's zone."""
