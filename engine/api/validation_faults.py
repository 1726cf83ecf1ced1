"""What FastAPI and pydantic say of a body or a parameter, as sentences; their English is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.core.pydantic_texts import PYDANTIC
from engine.core.sentence import Listed, Sentence

_QUOTED = re.compile(r"'[^']*'")


def fault(error: Mapping[str, Any]) -> Sentence:
    """Return what one of pydantic's errors says."""
    kind, said, context = error["type"], str(error["msg"]), error.get("ctx") or {}
    if kind == "value_error" and isinstance(own := _first(context.get("error")), Sentence):
        return Sentence("Value error, {error}", error=own)
    if kind in ("literal_error", "enum"):
        allowed = Sentence("Input should be {allowed}", allowed=Listed(tuple(_QUOTED.findall(said)), "or"))
        return allowed if allowed == said else PYDANTIC.said(said)
    return PYDANTIC.said(said)


def _first(error: object) -> object:
    return error.args[0] if isinstance(error, Exception) and error.args else None
