"""What ruamel.yaml says of a text that is no YAML: what it was reading, and what it stumbled over."""

from __future__ import annotations

from engine.core.foreign_texts import ForeignTexts
from engine.core.sentence import Sentence

READING = ForeignTexts(
    Sentence("while scanning for the next token"),
    Sentence("while scanning a simple key"),
    Sentence("while scanning a directive"),
    Sentence("while scanning an anchor"),
    Sentence("while scanning an alias"),
    Sentence("while scanning a tag"),
    Sentence("while scanning an tag"),
    Sentence("while scanning an directive"),
    Sentence("while scanning a block scalar"),
    Sentence("while scanning a double-quoted scalar"),
    Sentence("while scanning a quoted scalar"),
    Sentence("while scanning a plain scalar"),
    Sentence("while parsing a tag"),
    Sentence("while parsing an tag"),
    Sentence("while parsing an directive"),
    Sentence("while parsing a node"),
    Sentence("while parsing a block node"),
    Sentence("while parsing a flow node"),
    Sentence("while parsing a block collection"),
    Sentence("while parsing a block mapping"),
    Sentence("while parsing a flow sequence"),
    Sentence("while parsing a flow mapping"),
)
"""What it was reading, its context."""

STUMBLING = ForeignTexts(
    Sentence("found character {character} that cannot start any token"),
    Sentence("could not find expected ':'"),
    Sentence("sequence entries are not allowed here"),
    Sentence("mapping keys are not allowed here"),
    Sentence("mapping values are not allowed here"),
    Sentence("expected alphabetic or numeric character, but found {character}"),
    Sentence("expected a digit or '.', but found {character}"),
    Sentence("expected a digit, but found {character}"),
    Sentence("expected a comment or a line break, but found {character}"),
    Sentence("expected ' ', but found {character}"),
    Sentence("expected '>' but found {character}"),
    Sentence("expected '!', but found {character}"),
    Sentence("expected '!' but found {character}"),
    Sentence("expected indentation indicator in the range 1-9, but found 0"),
    Sentence("expected chomping or indentation indicators, but found {character}"),
    Sentence("more indented follow up line than first in a block scalar"),
    Sentence("expected escape sequence of {number} hexdecimal numbers, but found {character}"),
    Sentence("found unknown escape character {character}"),
    Sentence("found unexpected end of stream"),
    Sentence("found unexpected document separator"),
    Sentence("found unexpected ':'"),
    Sentence("expected URI escape sequence of 2 hexdecimal numbers, but found {character}"),
    Sentence("expected URI, but found {character}"),
    Sentence("'utf-8' codec can't decode {what}"),
    Sentence("expected '<document start>', but found {token}"),
    Sentence("found non-comment content after document end marker, {token}"),
    Sentence("found duplicate YAML directive"),
    Sentence("found incompatible YAML document (version 1.* is required)"),
    Sentence("duplicate tag handle {handle}"),
    Sentence("found undefined tag handle {handle}"),
    Sentence("expected the node content, but found '{token}'"),
    Sentence("expected <block end>, but found '{token}'"),
    Sentence("expected ',' or ']', but got '{token}'"),
    Sentence("expected ',' or '}}', but got '{token}'"),
    Sentence.within("yaml", "<document start>"),
    Sentence.within("yaml", "<document end>"),
    Sentence.within("yaml", "<stream start>"),
    Sentence.within("yaml", "<stream end>"),
    Sentence.within("yaml", "<block sequence start>"),
    Sentence.within("yaml", "<block mapping start>"),
    Sentence.within("yaml", "<block end>"),
    Sentence.within("yaml", "<directive>"),
    Sentence.within("yaml", "<alias>"),
    Sentence.within("yaml", "<anchor>"),
    Sentence.within("yaml", "<tag>"),
    Sentence.within("yaml", "<scalar>"),
)
"""What it stumbled over, its problem."""


def said(context: str | None, problem: str | None) -> Sentence:
    """Return the context and the problem of one of its errors; either may be missing."""
    parts = [texts.said(text) for texts, text in ((READING, context), (STUMBLING, problem)) if text]
    if len(parts) == 2:
        return Sentence("{context} {problem}", context=parts[0], problem=parts[1])
    return parts[0] if parts else Sentence("")
