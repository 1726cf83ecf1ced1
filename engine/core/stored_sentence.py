"""Sentences in a column of text: what was said is stored with its pattern and values, and read in any language later."""

from __future__ import annotations


def unpacked(text: str) -> str:
    """Return what a column holds."""
    return text
