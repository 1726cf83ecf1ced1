"""What Python and the JSON parsers say about a text they cannot read, as sentences; their English is kept."""

from __future__ import annotations

import re
from json import JSONDecodeError

from engine.core.sentence import Sentence

_JSON = {
    str(each): each
    for each in (
        Sentence("unexpected character"),
        Sentence("unexpected end of data"),
        Sentence("unexpected content after document"),
        Sentence("unexpected control character in string"),
        Sentence("unexpected escaped character in string"),
        Sentence("Input is a zero-length, empty document"),
        Sentence("trailing comma is not allowed"),
        Sentence("unclosed string"),
        Sentence("invalid escaped character in string"),
        Sentence("invalid escaped sequence in string"),
        Sentence("invalid high surrogate in string"),
        Sentence("invalid low surrogate in string"),
        Sentence("no low surrogate in string"),
        Sentence("lone leading surrogate in hex escape"),
        Sentence("unexpected end of hex escape"),
        Sentence("str is not valid UTF-8: surrogates not allowed"),
        Sentence("invalid literal"),
        Sentence("invalid number"),
        Sentence("no digit after minus sign"),
        Sentence("no digit after decimal point"),
        Sentence("no digit after exponent sign"),
        Sentence("number with leading zero is not allowed"),
        Sentence("number is infinity when parsed as double"),
        Sentence("Recursion limit reached"),
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
}
"""Of orjson, then of Python's own module."""

_TIME = (
    (re.compile(r"month must be in 1\.\.12"), Sentence("month must be in 1..12")),
    (re.compile(r"day is out of range for month"), Sentence("day is out of range for month")),
    (re.compile(r"hour must be in 0\.\.23"), Sentence("hour must be in 0..23")),
    (re.compile(r"minute must be in 0\.\.59"), Sentence("minute must be in 0..59")),
    (re.compile(r"second must be in 0\.\.59"), Sentence("second must be in 0..59")),
    (re.compile(r"date value out of range"), Sentence("date value out of range")),
    (re.compile(r"year (?P<year>-?\d+) is out of range"), Sentence("year {year} is out of range")),
)


def json_fault(error: JSONDecodeError) -> Sentence:
    """Return why a text is not JSON, and where."""
    return Sentence(
        "{fault}: line {line} column {column} (char {position})",
        fault=json_words(error.msg),
        line=error.lineno,
        column=error.colno,
        position=error.pos,
    )


def json_words(said: str) -> str:
    """Return what a parser says is wrong, without the place."""
    return _JSON.get(said, said)


def time_fault(error: Exception) -> str:
    """Return why a text of the right form is no moment."""
    said = str(error)
    for pattern, sentence in _TIME:
        if found := pattern.fullmatch(said):
            return sentence.with_values(**found.groupdict()) if found.groupdict() else sentence
    return said
