"""What pydantic finds wrong, in plain words: what was found, what is wanted, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from pydantic_core import ErrorDetails

from engine.core import definitions
from engine.core.definitions import DateSource, EventField, EventType, SopId, StepId
from engine.core.errors import did_you_mean
from engine.core.problems import Loc, show
from engine.definitions_yaml.nodes import Node
from engine.definitions_yaml.scalars import short
from engine.definitions_yaml.traps import full_width_hint

_TEXT, _WHOLE, _NUMBER, _TRUTH = "a text", "a whole number", "a number", "true or false"
_DATE, _LIST, _MAP = "a date such as 2026-01-31", "a list (each line begins with `- `)", "`key: value` pairs"
_WANTED = {
    "names_type": "a name or a list of names",
    "string_type": _TEXT,
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE, "int_parsing_size": _WHOLE,
    "float_type": _NUMBER, "float_parsing": _NUMBER,
    "bool_type": _TRUTH, "bool_parsing": _TRUTH,
    "date_type": _DATE, "date_parsing": _DATE, "date_from_datetime_parsing": _DATE, "date_from_datetime_inexact": _DATE,
    "datetime_type": _DATE, "datetime_parsing": _DATE, "datetime_from_date_parsing": _DATE,
    "tuple_type": _LIST, "list_type": _LIST,
    "dict_type": _MAP, "mapping_type": _MAP, "model_type": _MAP, "model_attributes_type": _MAP,
}  # fmt: skip
"""What is wanted, by pydantic's type of error: the value is of the wrong kind."""


def _pattern_of(annotated: Any) -> str:
    rules = (rule for meta in annotated.__metadata__ for rule in meta.metadata)
    return str(next(rule.pattern for rule in rules if hasattr(rule, "pattern")))


_PATTERNS = {
    _pattern_of(SopId): "an SOP id: small letters, digits and hyphens, beginning with a letter or digit, at most 64",
    _pattern_of(StepId): "a step id: letters, digits, `_` and `-`, at most 64",
    _pattern_of(EventType): "an event type: small letters, digits, `.`, `_` and `-`, e.g. order.signed",
    _pattern_of(DateSource): "the name of a date: event.data.<field> or attr.<attribute>",
    _pattern_of(EventField): "the name of a field: event.data.<field>, e.g. event.data.order",
}
"""What an identifier must look like, by its pattern."""


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "the truth value"),
    ((int, float), "the number"),
    (datetime, "the moment"),
    (date, "the date"),
    (str, "the text"),
)


def found(node: Node) -> str:
    """Say what stands at a place: the number `5`, a list."""
    if node.kind != "word":
        return "a list" if node.kind == "list" else _MAP
    if node.value is None:
        return "nothing"
    kind = next(name for kind, name in _KINDS if isinstance(node.value, kind))
    return f"{kind} `{short(node.raw, 60)}`"


def _pairs(error: ErrorDetails) -> str:
    """Name the keys of the model that is wanted."""
    model = getattr(definitions, error.get("ctx", {}).get("class_name", ""), None)
    fields = model.model_fields.items() if model else ()
    names = ", ".join(info.alias or name for name, info in list(fields)[:10])
    return f"{_MAP} ({names})" if names else _MAP


def is_kind_error(error: ErrorDetails) -> bool:
    """Return whether the value is of a wrong kind, rather than wrong in itself."""
    return error["type"] in _WANTED


def describe(errors: list[ErrorDetails], node: Node, loc: Loc) -> str:
    """Return one message for all that pydantic says of one value (several in a union)."""
    wrong = [error for error in errors if not is_kind_error(error)]
    if not wrong:
        kinds = [_pairs(error) if error["type"] == "model_type" else _WANTED[error["type"]] for error in errors]
        return _wrong_kind(kinds, node, loc)
    words = [f"`{each}`" for error in wrong if error["type"] == "literal_error" for each in _allowed(error["ctx"])]
    others = [error for error in wrong if error["type"] != "literal_error"]
    messages = list(dict.fromkeys(_one(error, node, loc) for error in others or wrong[:1]))
    return "; ".join(messages) + (f", or {' or '.join(words)}" if others and words else "") + full_width_hint(node.raw)


def _allowed(context: dict[str, Any]) -> list[str]:
    return [each.strip("'") for each in context["expected"].replace(" or ", ", ").split(", ")]


def _wrong_kind(wanted: Iterable[str], node: Node, loc: Loc) -> str:
    kinds = list(dict.fromkeys(wanted))
    if _WHOLE in kinds and _NUMBER in kinds:
        kinds.remove(_WHOLE)
    listed = " or ".join(kinds) if len(kinds) < 3 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"
    what = f"`{show(loc)}`: " if loc else ""
    return f"{what}found {found(node)}; wanted {listed}{_remedy(kinds, node)}"


def _remedy(kinds: list[str], node: Node) -> str:
    texts = _TEXT in kinds or _WANTED["names_type"] in kinds
    if texts and node.kind == "word" and node.value is not None and not isinstance(node.value, str):
        return f'; write "{short(node.raw)}" in quotes'
    if node.kind == "word" and isinstance(node.value, str):
        return _word_remedy(kinds, node)
    if kinds == [_LIST] and node.kind == "map":
        return "; put `- ` before it"
    return ""


def _word_remedy(kinds: list[str], node: Node) -> str:
    if _TRUTH in kinds and node.raw.lower() in ("yes", "no", "on", "off", "是", "否"):
        return f"; write {'true' if node.raw.lower() in ('yes', 'on', '是') else 'false'}"
    if node.style and {_WHOLE, _NUMBER} & set(kinds):
        return "; remove the quotes"
    return full_width_hint(node.raw)


def _one(error: ErrorDetails, node: Node, loc: Loc) -> str:
    context = error.get("ctx", {})
    rule = _RULES.get(error["type"])
    name = f"`{show(loc)}`" if loc else "the file"
    return rule(context, node, name) if rule else f"{name}: {error['msg']}"


def _own_words(context: dict[str, Any], node: Node, name: str) -> str:
    message = str(context.get("error", "is not allowed"))
    return message if message.startswith("step `") or name == "the file" else f"{name}: {message}"


def _pattern(context: dict[str, Any], node: Node, name: str) -> str:
    return f"{name}: `{short(node.raw, 80)}` is not {_PATTERNS.get(context['pattern'], 'of the form ' + context['pattern'])}"


def _literal(context: dict[str, Any], node: Node, name: str) -> str:
    allowed = _allowed(context)
    listed = ", ".join(f"`{each}`" for each in allowed)
    return f"{name}: found {found(node)}; allowed: {listed}.{did_you_mean(node.raw, allowed)}"


def _short(context: dict[str, Any], node: Node, name: str) -> str:
    return f"{name} is empty; write at least {context['min_length']}"


def _long(context: dict[str, Any], node: Node, name: str) -> str:
    unit = "characters" if node.kind == "word" else "entries"
    size = len(node.raw) if node.kind == "word" else len(node.items)
    return f"{name} has {size:,} {unit}; at most {context['max_length']:,} are allowed"


def _bound(word: str) -> Callable[[dict[str, Any], Node, str], str]:
    def say(context: dict[str, Any], node: Node, name: str) -> str:
        return f"{name}: `{short(node.raw)}` is out of range; {word} {next(iter(context.values()))} is allowed"

    return say


_RULES: dict[str, Callable[[dict[str, Any], Node, str], str]] = {
    "value_error": _own_words,
    "assertion_error": _own_words,
    "string_pattern_mismatch": _pattern,
    "literal_error": _literal,
    "too_short": _short,
    "string_too_short": _short,
    "too_long": _long,
    "string_too_long": _long,
    "greater_than_equal": _bound("at least"),
    "less_than_equal": _bound("at most"),
    "greater_than": _bound("more than"),
    "less_than": _bound("less than"),
}
