"""Benchmarks: real processes on real servers, next to the same steps in hand-written SQL."""
