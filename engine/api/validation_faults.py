"""What FastAPI and pydantic say of a body or a parameter, as sentences; their English is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.core.foreign_texts import ForeignTexts
from engine.core.sentence import Listed, Sentence

_VALIDATION = ForeignTexts(
    Sentence("Field required"),
    Sentence("Extra inputs are not permitted"),
    Sentence("Keys should be strings"),
    Sentence("Input should be an object"),
    Sentence("Input should be a valid dictionary"),
    Sentence("Input should be a valid dictionary or instance of {kind}"),
    Sentence("Input should be a valid dictionary or object to extract fields from"),
    Sentence("Input should be a valid list"),
    Sentence("Input should be a valid string"),
    Sentence("Input should be a valid string, unable to parse raw data as a unicode string"),
    Sentence("String should have at least {least} character"),
    Sentence("String should have at least {least} characters"),
    Sentence("String should have at most {most} character"),
    Sentence("String should have at most {most} characters"),
    Sentence("String should match pattern '{pattern}'"),
    Sentence("Input should be a valid boolean"),
    Sentence("Input should be a valid boolean, unable to interpret input"),
    Sentence("Input should be a valid integer"),
    Sentence("Input should be a valid integer, unable to parse string as an integer"),
    Sentence("Input should be a valid integer, got a number with a fractional part"),
    Sentence("Unable to parse input string as an integer, exceeded maximum size"),
    Sentence("Input should be a valid number"),
    Sentence("Input should be a valid number, unable to parse string as a number"),
    Sentence("Input should be a finite number"),
    Sentence("Input should be greater than or equal to {least}"),
    Sentence("Input should be greater than {below}"),
    Sentence("Input should be less than or equal to {most}"),
    Sentence("Input should be less than {above}"),
    Sentence("{kind} should have at least {least} item after validation, not {number}"),
    Sentence("{kind} should have at least {least} items after validation, not {number}"),
    Sentence("{kind} should have at most {most} item after validation, not {number}"),
    Sentence("{kind} should have at most {most} items after validation, not {number}"),
    Sentence("Input should have timezone info"),
    Sentence("Input should be a valid datetime"),
    Sentence("Input should be a valid datetime, {fault}"),
    Sentence("Input should be a valid datetime or date, {fault}"),
    Sentence("JSON decode error"),
    # what is said of the form of a moment
    Sentence("input is too short"),
    Sentence("unexpected extra characters at the end of the input"),
    Sentence("invalid character in year"),
    Sentence("invalid character in month"),
    Sentence("invalid character in day"),
    Sentence("invalid character in hour"),
    Sentence("invalid character in minute"),
    Sentence("invalid character in second"),
    Sentence("invalid character in second fraction"),
    Sentence("invalid date separator, expected `-`"),
    Sentence("invalid datetime separator, expected `T`, `t`, `_` or space"),
    Sentence("invalid time separator, expected `:`"),
    Sentence("invalid timezone sign"),
    Sentence("month value is outside expected range of 1-12"),
    Sentence("day value is outside expected range"),
    Sentence("hour value is outside expected range of 0-23"),
    Sentence("minute value is outside expected range of 0-59"),
    Sentence("second value is outside expected range of 0-59"),
    Sentence("second fraction value is more than 6 digits long"),
    Sentence("timezone hour value is outside expected range of 0-23"),
    Sentence("timezone minute value is outside expected range of 0-59"),
    Sentence("timezone offset must be less than 24 hours"),
    Sentence("dates before 0000 are not supported as unix timestamps"),
    Sentence("dates before 1600 are not supported as unix timestamps"),
    Sentence("dates after 9999 are not supported as unix timestamps"),
    Sentence("year 0 is out of range"),
    # what has too few or too many items, and how many
    Sentence.within("kind", "List"),
    Sentence.within("kind", "Dictionary"),
    Sentence.within("number", "more"),
)
_QUOTED = re.compile(r"'[^']*'")


def fault(error: Mapping[str, Any]) -> Sentence:
    """Return what one of pydantic's errors says."""
    kind, said, context = error["type"], str(error["msg"]), error.get("ctx") or {}
    if kind == "value_error" and isinstance(own := _first(context.get("error")), Sentence):
        return Sentence("Value error, {error}", error=own)
    if kind in ("literal_error", "enum"):
        allowed = Sentence("Input should be {allowed}", allowed=Listed(tuple(_QUOTED.findall(said)), "or"))
        return allowed if allowed == said else _VALIDATION.said(said)
    return _VALIDATION.said(said)


def _first(error: object) -> object:
    return error.args[0] if isinstance(error, Exception) and error.args else None
