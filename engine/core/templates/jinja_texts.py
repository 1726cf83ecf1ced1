"""What Jinja2 says of a template that it cannot read."""

from __future__ import annotations

from engine.core.foreign_texts import ForeignTexts
from engine.core.sentence import Sentence

JINJA = ForeignTexts(
    Sentence("{said} The innermost block that needs to be closed is {tag}."),
    Sentence("{said} Jinja was looking for the following tags: {tags}."),
    Sentence(
        "{said} You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for {tags}."
    ),
    Sentence("Unexpected end of template."),
    Sentence("Encountered unknown tag {tag}."),
    Sentence("unexpected end of template, expected {token}."),
    Sentence("expected token {wanted}, got {token}"),
    Sentence("unexpected char {character} at {position}"),
    Sentence("unexpected {found}, expected {wanted}"),
    Sentence("unexpected {token}"),
    Sentence("Expected an expression, got {token}"),
    Sentence("tag name expected"),
    Sentence("expected name or number"),
    Sentence("expected subscript expression"),
    Sentence("expected call"),
    Sentence("invalid syntax for function call expression"),
    Sentence("non-default argument follows default argument"),
    Sentence("You cannot chain multiple tests with is"),
    Sentence("can't assign to {what}"),
    Sentence("No filter named {name}."),
    Sentence("No test named {name}."),
    Sentence("Invalid character in identifier"),
    Sentence("Missing end of comment tag"),
    Sentence("Missing end of raw directive"),
    Sentence("block {name} defined twice"),
    Sentence("Required blocks can only contain comments or whitespace"),
    Sentence("names starting with an underline can not be imported"),
    Sentence("Can't assign to special loop variable in for-loop target"),
    Sentence(
        "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead."
    ),
    Sentence("Missing parentheses around {what}"),
    Sentence("malformed \\{what} character escape"),
    Sentence("truncated {what} escape"),
    Sentence.within("jinja", "{before} or {last}"),
    Sentence.within("jinja", "'{name}'"),
    Sentence.within("jinja", "begin of comment"),
    Sentence.within("jinja", "end of comment"),
    Sentence.within("jinja", "comment"),
    Sentence.within("jinja", "begin of statement block"),
    Sentence.within("jinja", "end of statement block"),
    Sentence.within("jinja", "begin of print statement"),
    Sentence.within("jinja", "end of print statement"),
    Sentence.within("jinja", "template data / text"),
    Sentence.within("jinja", "end of template"),
    Sentence.within("jinja", "integer"),
    Sentence.within("jinja", "float"),
    Sentence.within("jinja", "string"),
    Sentence.within("jinja", "name"),
)
"""By the text, what it is filled in with beside it."""
