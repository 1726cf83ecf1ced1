"""What Python and the JSON parsers say about a text they cannot read, as sentences; their English is kept."""

from __future__ import annotations

from json import JSONDecodeError

from engine.core.foreign_texts import ForeignTexts
from engine.core.sentence import Sentence

JSON = ForeignTexts(
    # orjson
    Sentence("unexpected character"),
    Sentence("unexpected character, expected a JSON value"),
    Sentence("unexpected character, expected a string key"),
    Sentence("unexpected character, expected ':' after key"),
    Sentence("unexpected character, expected ',' or ']'"),
    Sentence("unexpected character, expected ',' or '}'"),
    Sentence("depth limit exceeded"),
    Sentence("no digit after sign"),
    Sentence("unexpected end of data"),
    Sentence("unexpected content after document"),
    Sentence("unexpected control character in string"),
    Sentence("Input is a zero-length, empty document"),
    Sentence("trailing comma is not allowed"),
    Sentence("unclosed string"),
    Sentence("invalid escaped character in string"),
    Sentence("invalid escaped sequence in string"),
    Sentence("invalid high surrogate in string"),
    Sentence("invalid low surrogate in string"),
    Sentence("no low surrogate in string"),
    Sentence("invalid UTF-8 encoding in string"),
    Sentence("str is not valid UTF-8: surrogates not allowed"),
    Sentence("invalid literal"),
    Sentence("no digit after minus sign"),
    Sentence("no digit after decimal point"),
    Sentence("no digit after exponent sign"),
    Sentence("number with leading zero is not allowed"),
    Sentence("number is infinity when parsed as double"),
    # json
    Sentence("Expecting value"),
    Sentence("Expecting property name enclosed in double quotes"),
    Sentence("Expecting ':' delimiter"),
    Sentence("Expecting ',' delimiter"),
    Sentence("Extra data"),
    Sentence("Unterminated string starting at"),
    Sentence("Invalid control character at"),
    Sentence("Invalid \\escape"),
    Sentence("Invalid \\uXXXX escape"),
    Sentence("Illegal trailing comma before end of object"),
    Sentence("Illegal trailing comma before end of array"),
)
"""What makes a text no JSON, without the place."""

TIME = ForeignTexts(
    Sentence("month must be in 1..12"),
    Sentence("month must be in 1..12, not {month}"),
    Sentence("day is out of range for month"),
    Sentence("day {day} must be in range 1..{last} for month {month} in year {year}"),
    Sentence("hour must be in 0..23"),
    Sentence("hour must be in 0..23, not {hour}"),
    Sentence("minute must be in 0..59"),
    Sentence("minute must be in 0..59, not {minute}"),
    Sentence("second must be in 0..59"),
    Sentence("second must be in 0..59, not {second}"),
    Sentence("date value out of range"),
    Sentence("year {year} is out of range"),
    Sentence("offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24), not {offset}."),
)
"""What makes a text of the right form no moment."""


def json_fault(error: JSONDecodeError) -> Sentence:
    """Return why a text is not JSON, and where."""
    return Sentence(
        "{fault}: line {line} column {column} (char {position})",
        fault=JSON.said(error.msg),
        line=error.lineno,
        column=error.colno,
        position=error.pos,
    )
