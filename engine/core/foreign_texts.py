"""What libraries say of mistakes: their English is recognised, so that it can be said in other languages too.

A text that is not known, of a library's next version, is said as it is.
"""

from __future__ import annotations

import re
from functools import cached_property

from engine.core.sentence import Sentence

_FIELD = re.compile(r"\{(\w+)\}")


class ForeignTexts:
    """The texts of one library, as sentences with names for what it fills in; the first that fits is taken."""

    def __init__(self, *known: Sentence) -> None:
        self.known = known

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], Sentence]]:
        return [(_pattern(each.msgid), each) for each in self.known]

    def knows(self, text: str) -> bool:
        """Return whether the text is known, apart from what it is filled in with."""
        return any(pattern.fullmatch(text) for pattern, _ in self._patterns)

    def said(self, text: str) -> Sentence:
        """Return a text of the library as a sentence; what it is filled in with may be known too."""
        for pattern, sentence in self._patterns:
            match = pattern.fullmatch(text)
            if match:
                return sentence.with_values(**{name: self.said(value) for name, value in match.groupdict().items()})
        return Sentence.joined((text,))


def _pattern(msgid: str) -> re.Pattern[str]:
    """Return what recognises a text made of a pattern; braces are doubled only where there is something to fill in."""
    texts = _FIELD.split(msgid)
    if len(texts) == 1:
        return re.compile(re.escape(msgid))
    literal = [re.escape(each.replace("{{", "{").replace("}}", "}")) for each in texts[::2]]
    fields = [f"(?P<{name}>.+?)" for name in texts[1::2]] + [""]
    return re.compile("".join(part for pair in zip(literal, fields, strict=True) for part in pair), re.DOTALL)


SYSTEM = ForeignTexts(
    Sentence("No such file or directory"),
    Sentence("Permission denied"),
    Sentence("Operation not permitted"),
    Sentence("Is a directory"),
    Sentence("Not a directory"),
    Sentence("File exists"),
    Sentence("File name too long"),
    Sentence("Input/output error"),
    Sentence("No space left on device"),
    Sentence("Disk quota exceeded"),
    Sentence("Read-only file system"),
    Sentence("Too many open files"),
    Sentence("Too many levels of symbolic links"),
    Sentence("Device or resource busy"),
)
"""What the operating system says of files."""

PYTHON = ForeignTexts(
    Sentence('can only concatenate {kind} (not "{other}") to {again}'),
    Sentence("unsupported operand type(s) for {operator}: '{left}' and '{right}'"),
    Sentence("'{operator}' not supported between instances of '{left}' and '{right}'"),
    Sentence("bad operand type for unary {operator}: '{kind}'"),
    Sentence("argument of type '{kind}' is not iterable"),
    Sentence("'in <string>' requires string as left operand, not {kind}"),
    Sentence("division by zero"),
    Sentence("float division by zero"),
    Sentence.within("python", "str"),
    Sentence.within("python", "int"),
    Sentence.within("python", "float"),
    Sentence.within("python", "bool"),
    Sentence.within("python", "Listing"),
    Sentence.within("python", "Group"),
    Sentence.within("python", "NoneType"),
)
"""What Python says of values that do not go together."""

REGEX = ForeignTexts(
    Sentence("{reason} at position {position} (line {line}, column {column})"),
    Sentence("{reason} at position {position}"),
    Sentence("the repetition number is too large"),
    Sentence("bad character range {range}"),
    Sentence("bad escape (end of pattern)"),
    Sentence("bad escape {escape}"),
    Sentence("incomplete escape {escape}"),
    Sentence("undefined character name {name}"),
    Sentence("octal escape value {escape} outside of range 0-0o377"),
    Sentence("invalid group reference {number}"),
    Sentence("cannot refer to an open group"),
    Sentence("cannot refer to group defined in the same lookbehind subpattern"),
    Sentence("redefinition of group name {name} as group {number}; was group {before}"),
    Sentence("too many groups"),
    Sentence("bad group number"),
    Sentence("bad character in group name {name}"),
    Sentence("unknown group name {name}"),
    Sentence("look-behind requires fixed-width pattern"),
    Sentence("conditional backref with more than two branches"),
    Sentence("missing ), unterminated subpattern"),
    Sentence("missing ), unterminated comment"),
    Sentence("missing {what}, unterminated name"),
    Sentence("missing group name"),
    Sentence("missing flag"),
    Sentence("missing -, : or )"),
    Sentence("missing {what}"),
    Sentence("unbalanced parenthesis"),
    Sentence("unterminated character set"),
    Sentence("min repeat greater than max repeat"),
    Sentence("nothing to repeat"),
    Sentence("multiple repeat"),
    Sentence("unexpected end of pattern"),
    Sentence("unknown extension {extension}"),
    Sentence("unknown flag"),
    Sentence("global flags not at the start of the expression"),
    Sentence("bad inline flags: {reason}"),
    Sentence("cannot turn on global flag"),
    Sentence("cannot turn off global flag"),
    Sentence("cannot turn off flags 'a', 'u' and 'L'"),
    Sentence("flag turned on and off"),
    Sentence("flags 'a', 'u' and 'L' are incompatible"),
    Sentence("cannot use 'L' flag with a str pattern"),
    Sentence("cannot use 'u' flag with a bytes pattern"),
)
"""What Python says of a regular expression."""
