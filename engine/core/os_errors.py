"""What the operating system says against something, as a sentence."""

from __future__ import annotations

from engine.core.foreign_texts import SYSTEM
from engine.core.sentence import Sentence


def reason(error: OSError) -> Sentence:
    """Return why, in the system's own words."""
    return SYSTEM.said(error.strerror or type(error).__name__)
