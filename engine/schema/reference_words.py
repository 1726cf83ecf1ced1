"""What a key may hold and what it is by default, in words of a language."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time, timedelta
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from engine.core.sentence import Listed, Sentence, Speech
from engine.schema.reference_pages import TITLES, group_of
from engine.schema.schema_rules import Schema

_KINDS = {
    "string": Sentence.within("value", "text"),
    "integer": Sentence.within("value", "whole number"),
    "number": Sentence.within("value", "number"),
    "boolean": Sentence.within("value", "true or false"),
    "array": Sentence.within("value", "list"),
}
_RANGE = Sentence.within("value", "whole number, {least} to {most}")
_LIST = Sentence.within("value", "list of {of}")
_NAMED = Sentence.within("value", "name: {of}")
_PAIRS = Sentence.within("value", "`key: value` pairs")
_TIMES = Sentence.within("value", "a pair of times of day")
_NOTHING = Sentence.within("value", "nothing more")
_OR = Sentence.within("value", "{one} or {another}")
_ANYTHING = Sentence.within("value", "any value")


class Words:
    """Says on one page of the reference what keys may hold, with links to the parts that have keys of their own."""

    def __init__(self, page: str, speech: Speech) -> None:
        self._page, self._speech = page, speech

    def title(self, name: str) -> str:
        """Return what a model is called."""
        return TITLES[name].say(self._speech)

    def where(self, name: str) -> str:
        """Return the address of a model's section, as GitHub makes it of its heading."""
        home, anchor = group_of(name), re.sub(r"[^\w\- ]", "", self.title(name).lower()).replace(" ", "-")
        return f"{'' if home == self._page else f'{home}.md'}#{anchor}"

    def value(self, schema: Schema) -> str:
        """Return what a key may hold."""
        if "$ref" in schema:
            return self._link(schema["$ref"].rsplit("/", 1)[-1])
        if "const" in schema:
            return f"`{schema['const']}`"
        if "enum" in schema:
            return self._listed(f"`{each}`" for each in schema["enum"])
        if "type" not in schema and ("anyOf" in schema or "oneOf" in schema):
            forms = schema.get("anyOf") or schema["oneOf"]
            return self.one_of([each for each in forms if each != {"type": "null"}])
        if isinstance(schema.get("type"), list):
            return self._listed(_KINDS[each].say(self._speech) for each in schema["type"])
        return self._plain(schema)

    def one_of(self, forms: list[Schema]) -> str:
        """Return several things a key may hold, each once; nothing for none."""
        return self._choice(self.value(each) for each in forms)

    def _link(self, name: str) -> str:
        return f"[{self.title(name)}]({self.where(name)})" if name in TITLES else _NOTHING.say(self._speech)

    def _choice(self, items: Iterable[str]) -> str:
        said = ""
        for each in dict.fromkeys(items):
            said = self._with(_OR, one=said, another=each) if said else each
        return said

    def _listed(self, items: Iterable[str]) -> str:
        return Listed(tuple(items)).say(self._speech)

    def _plain(self, schema: Schema) -> str:
        kind = schema.get("type")
        if kind == "array":
            return self._array(schema)
        if kind == "object":
            return self._object(schema)
        if kind == "string" and "examples" in schema and "pattern" in schema:
            return self._choice(f"`{each}`" for each in schema["examples"])
        if kind == "integer" and "maximum" in schema:
            return self._with(_RANGE, least=schema["minimum"], most=schema["maximum"])
        return _KINDS.get(str(kind), _ANYTHING).say(self._speech)

    def _array(self, schema: Schema) -> str:
        if "prefixItems" in schema:
            return _TIMES.say(self._speech)
        return (
            self._with(_LIST, of=self.value(schema["items"]))
            if "items" in schema
            else _KINDS["array"].say(self._speech)
        )

    def _object(self, schema: Schema) -> str:
        inner = schema.get("additionalProperties")
        if isinstance(inner, dict) and inner:
            return self._with(_NAMED, of=self.value(inner))
        return f"{{{', '.join(schema['properties'])}}}" if schema.get("properties") else _PAIRS.say(self._speech)

    def _with(self, pattern: Sentence, **values: object) -> str:
        return pattern.with_values(**values).say(self._speech)


def default_value(value: Any) -> str:
    """Return a default as it is written, empty where there is none."""
    if value is None or value is PydanticUndefined or (not value and not isinstance(value, bool)):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return f"`{_duration(value)}`"
    if isinstance(value, time):
        return f"`{value:%H:%M}`"
    if isinstance(value, BaseModel):
        written = value.model_dump(exclude_none=True)
        first = next(iter(written.values()), "")
        return f"`{first}`" if isinstance(first, str) and first else ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{_listed(value)}`"


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _duration(value: timedelta) -> str:
    hours = int(value.total_seconds()) // 3600
    return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"
