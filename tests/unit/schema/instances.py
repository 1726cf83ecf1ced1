"""Values that a JSON Schema accepts, drawn at random: for a comparison with what the loader accepts."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

Schema = dict[str, Any]
_TEXTS = ("装修意向", "A", "order.signed", "Asia/Shanghai", "0 10 * * MON", "您好 {{ customer.name }}")
_KEYS = ("stage", "budget", "amount", "消费")


def instances(whole: Schema) -> st.SearchStrategy[Any]:
    """Return what draws values that the schema accepts."""
    return _Drawing(whole).of(whole, 0)


class _Drawing:
    """Walks a schema; deep inside it draws as little as it may."""

    def __init__(self, whole: Schema) -> None:
        self._definitions = whole.get("$defs", {})

    def of(self, schema: Schema, depth: int) -> st.SearchStrategy[Any]:
        """Return what draws values of a part, each checked by the part's own schema."""
        whole = {**schema, "$defs": self._definitions}
        validator = Draft202012Validator(whole)
        return self._any(schema, depth).filter(validator.is_valid)

    def _any(self, schema: Schema, depth: int) -> st.SearchStrategy[Any]:
        if "$ref" in schema:
            return self.of(self._definitions[schema["$ref"].rsplit("/", 1)[-1]], depth)
        if "const" in schema or "enum" in schema:
            return st.sampled_from(schema.get("enum") or [schema["const"]])
        forms = schema.get("anyOf") or ([] if "properties" in schema else schema.get("oneOf")) or []
        forms = [each for each in forms if {"type", "$ref", "enum", "properties"} & each.keys()]
        if forms:
            rest = {key: each for key, each in schema.items() if key not in ("anyOf", "oneOf")}
            return st.one_of([self.of({**each, **rest} if "properties" in each else each, depth) for each in forms])
        return self._plain(schema, depth)

    def _plain(self, schema: Schema, depth: int) -> st.SearchStrategy[Any]:
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            return st.one_of([self._plain({"type": each}, depth) for each in kind])
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "integer":
            return st.integers(schema.get("minimum", -5), min(schema.get("maximum", 50), 5000))
        if kind == "number":
            return st.integers(-5, 50) | st.floats(-5, 50, allow_nan=False)
        if kind == "boolean":
            return st.booleans()
        return self._text(schema) if kind == "string" else st.none()

    def _text(self, schema: Schema) -> st.SearchStrategy[str]:
        if "pattern" in schema:
            pattern: str = schema["pattern"]
            drawn = st.from_regex(pattern, fullmatch=True).filter(str.isprintable)
            return drawn | st.sampled_from(schema["examples"]) if schema.get("examples") else drawn
        return st.sampled_from([*schema.get("examples", ()), *_TEXTS])

    def _array(self, schema: Schema, depth: int) -> st.SearchStrategy[list[Any]]:
        if "prefixItems" in schema:
            return st.tuples(*(self.of(each, depth + 1) for each in schema["prefixItems"])).map(list)
        least = schema.get("minItems", 0)
        return st.lists(self.of(schema["items"], depth + 1), min_size=least, max_size=least + (depth < 2)) \
            if "items" in schema else st.just([])  # fmt: skip

    def _object(self, schema: Schema, depth: int) -> st.SearchStrategy[dict[str, Any]]:
        return _objects(self, schema, depth)


@st.composite
def _objects(draw: st.DrawFn, drawing: _Drawing, schema: Schema, depth: int) -> dict[str, Any]:
    """Draw the keys that are needed, one of each choice, and some others."""
    properties = schema.get("properties", {})
    names = set(schema.get("required", ()))
    for rule in (schema, *schema.get("allOf", ())):
        choices = [each["required"] for each in rule.get("oneOf", ()) if "required" in each and properties]
        names |= set(draw(st.sampled_from(choices))) if choices else set()
    optional = [name for name in properties if name not in names]
    names |= set(draw(st.lists(st.sampled_from(optional), max_size=4 if depth < 2 else 1))) if optional else set()
    made = {name: draw(drawing.of(properties[name], depth + 1)) for name in sorted(names)}
    inner = schema.get("additionalProperties")
    if isinstance(inner, dict):
        for key in draw(st.lists(st.sampled_from(_KEYS), max_size=2, unique=True)):
            made[key] = draw(drawing.of(inner, depth + 1))
    return made
