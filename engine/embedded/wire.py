"""How the guard's sentences reach the process it works for: as JSON, with everything needed to say them in a language."""

from __future__ import annotations

from typing import Any

from engine.core.sentence import Sentence


def packed(text: object) -> Any:
    """Return a sentence as JSON has it: its pattern and its values, which may be sentences; anything else as text or number."""
    if isinstance(text, Sentence):
        return {"say": text.msgid, "values": {name: packed(value) for name, value in text.values.items()}}
    return text if isinstance(text, int) else str(text)


def unpacked(found: Any) -> Any:
    """Return what `packed` made JSON of."""
    if not isinstance(found, dict):
        return found
    return Sentence(found["say"], **{name: unpacked(value) for name, value in found["values"].items()})
