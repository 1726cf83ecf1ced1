"""What the config models of all channels share.

A config is validated twice by the same model: as it stands in engine.yaml, placeholders unresolved, and again by
`registry.build` once they are resolved. The second validation is marked by its context.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema

from engine.channels import placeholders
from engine.core.sentence import Sentence
from engine.ports import Rate

RESOLVED = {"resolved": True}
"""Validation context of a config whose placeholders have been replaced."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)")


_RATE = re.compile(r"([1-9][0-9]{0,5})/(s|m|h)")


def _rate(value: Any) -> Any:
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, Rate):
        return value
    if not found:
        raise ValueError(Sentence('must be a number per second, minute or hour: "50/s", "600/m", "1000/h"'))
    return Rate(int(found[1]), found[2])  # type: ignore[arg-type]  # one of the three


RateOfSending = Annotated[
    Rate,
    BeforeValidator(_rate),
    WithJsonSchema({"type": "string", "pattern": f"^{_RATE.pattern}$", "examples": ["50/s"]}),
]
"""How fast a channel may be called, as `50/s`."""


class ChannelConfig(BaseModel):
    """Base of the config models: unknown keys refused, nothing coerced, no value ever shown in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)
    rate: RateOfSending | None = Field(
        None, description='at most so many touches per second, minute or hour, over all workers: "50/s", "600/m"'
    )


def resolved(info: ValidationInfo) -> bool:
    """Return whether the placeholders of the config under validation have been replaced."""
    return bool(info.context and info.context.get("resolved"))


def _checked(text: str, info: ValidationInfo) -> str:
    return text if resolved(info) else placeholders.checked(text)


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    found = _SECONDS.fullmatch(value)
    if not found:
        raise ValueError(Sentence("must be a duration such as 500ms, 10s or 1m"))
    return float(found[1]) * _UNITS[found[2]]


Text = Annotated[str, AfterValidator(_checked)]
"""Text that may hold `${NAME}` placeholders."""

Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": f"^{_SECONDS.pattern}$"}, {"type": "number"}]}),
]
"""A duration as `500ms`, `10s`, `1m` or a number of seconds; a float of seconds once validated."""
