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
from engine.core.pydantic_texts import PYDANTIC
from engine.core.sentence import Listed, Sentence, codes, sentence_of
from engine.definitions_yaml.keys import THE_FILE
from engine.definitions_yaml.nodes import Node
from engine.definitions_yaml.scalars import short
from engine.definitions_yaml.traps import full_width_hint

_TEXT, _WHOLE, _NUMBER = Sentence("a text"), Sentence("a whole number"), Sentence("a number")
_TRUTH, _DATE = Sentence("true or false"), Sentence("a date such as 2026-01-31")
_LIST, _MAP = Sentence("a list (each line begins with `- `)"), Sentence("`key: value` pairs")
_NAMES = Sentence("a name or a list of names")
_WANTED = {
    "names_type": _NAMES,
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
    _pattern_of(SopId): Sentence(
        "an SOP id: small letters, digits and hyphens, beginning with a letter or digit, at most 64"
    ),
    _pattern_of(StepId): Sentence("a step id: letters, digits, `_` and `-`, at most 64"),
    _pattern_of(EventType): Sentence("an event type: small letters, digits, `.`, `_` and `-`, e.g. order.signed"),
    _pattern_of(DateSource): Sentence("the name of a date: event.data.<field> or attr.<attribute>"),
    _pattern_of(EventField): Sentence("the name of a field: event.data.<field>, e.g. event.data.order"),
}
"""What an identifier must look like, by its pattern."""


_KINDS: tuple[tuple[type | tuple[type, ...], Sentence], ...] = (
    (bool, Sentence("the truth value `{text}`")),
    ((int, float), Sentence("the number `{text}`")),
    (datetime, Sentence("the moment `{text}`")),
    (date, Sentence("the date `{text}`")),
    (str, Sentence("the text `{text}`")),
)


def found(node: Node) -> Sentence:
    """Say what stands at a place: the number `5`, a list."""
    if node.kind != "word":
        return Sentence("a list") if node.kind == "list" else _MAP
    if node.value is None:
        return Sentence("nothing")
    said = next(sentence for kind, sentence in _KINDS if isinstance(node.value, kind))
    return said.with_values(text=short(node.raw, 60))


def _pairs(error: ErrorDetails) -> Sentence:
    """Name the keys of the model that is wanted."""
    model = getattr(definitions, error.get("ctx", {}).get("class_name", ""), None)
    fields = model.model_fields.items() if model else ()
    names = codes(info.alias or name for name, info in list(fields)[:10])
    return Sentence("`key: value` pairs ({names})", names=names) if names else _MAP


def is_kind_error(error: ErrorDetails) -> bool:
    """Return whether the value is of a wrong kind, rather than wrong in itself."""
    return error["type"] in _WANTED


def describe(errors: list[ErrorDetails], node: Node, loc: Loc) -> Sentence:
    """Return one message for all that pydantic says of one value (several in a union)."""
    wrong = [error for error in errors if not is_kind_error(error)]
    if not wrong:
        kinds = [_pairs(error) if error["type"] == "model_type" else _WANTED[error["type"]] for error in errors]
        return _wrong_kind(kinds, node, loc)
    words = [f"`{each}`" for error in wrong if error["type"] == "literal_error" for each in _allowed(error["ctx"])]
    others = [error for error in wrong if error["type"] != "literal_error"]
    said = Sentence.joined(dict.fromkeys(_one(error, node, loc) for error in others or wrong[:1]))
    if others and words:
        said = Sentence("{said}, or {words}", said=said, words=Listed(tuple(words), "or"))
    return said + full_width_hint(node.raw)


def _allowed(context: dict[str, Any]) -> list[str]:
    return [each.strip("'") for each in context["expected"].replace(" or ", ", ").split(", ")]


def _wrong_kind(wanted: Iterable[Sentence], node: Node, loc: Loc) -> Sentence:
    kinds = list(dict.fromkeys(wanted))
    if _WHOLE in kinds and _NUMBER in kinds:
        kinds.remove(_WHOLE)
    values = {"found": found(node), "wanted": Listed(tuple(kinds), "or"), "remedy": _remedy(kinds, node)}
    if not loc:
        return Sentence("found {found}; wanted {wanted}{remedy}", **values)
    return Sentence("`{place}`: found {found}; wanted {wanted}{remedy}", place=show(loc), **values)


def _remedy(kinds: list[Sentence], node: Node) -> Sentence:
    texts = _TEXT in kinds or _NAMES in kinds
    if texts and node.kind == "word" and node.value is not None and not isinstance(node.value, str):
        return Sentence('; write "{text}" in quotes', text=short(node.raw))
    if node.kind == "word" and isinstance(node.value, str):
        return _word_remedy(kinds, node)
    if kinds == [_LIST] and node.kind == "map":
        return Sentence("; put `- ` before it")
    return Sentence("")


def _word_remedy(kinds: list[Sentence], node: Node) -> Sentence:
    if _TRUTH in kinds and node.raw.lower() in ("yes", "on", "是"):
        return Sentence("; write true")
    if _TRUTH in kinds and node.raw.lower() in ("no", "off", "否"):
        return Sentence("; write false")
    if node.style and {_WHOLE, _NUMBER} & set(kinds):
        return Sentence("; remove the quotes")
    return full_width_hint(node.raw)


def _one(error: ErrorDetails, node: Node, loc: Loc) -> Sentence:
    context = error.get("ctx", {})
    rule = _RULES.get(error["type"])
    name = Sentence("`{place}`", place=show(loc)) if loc else THE_FILE
    return rule(context, node, name) if rule else _of(name, PYDANTIC.said(error["msg"]))


def _of(name: Sentence, said: Sentence) -> Sentence:
    return Sentence("{name}: {said}", name=name, said=said)


def _own_words(context: dict[str, Any], node: Node, name: Sentence) -> Sentence:
    error = context.get("error")
    said = sentence_of(error) if isinstance(error, Exception) else Sentence("is not allowed")
    return said if said.startswith("step `") or name == THE_FILE else _of(name, said)


def _pattern(context: dict[str, Any], node: Node, name: Sentence) -> Sentence:
    wanted = _PATTERNS.get(context["pattern"]) or Sentence("of the form {pattern}", pattern=context["pattern"])
    return Sentence("{name}: `{text}` is not {wanted}", name=name, text=short(node.raw, 80), wanted=wanted)


def _literal(context: dict[str, Any], node: Node, name: Sentence) -> Sentence:
    allowed = _allowed(context)
    return Sentence(
        "{name}: found {found}; allowed: {names}.{hint}",
        name=name, found=found(node), names=[f"`{each}`" for each in allowed], hint=did_you_mean(node.raw, allowed),
    )  # fmt: skip


def _short(context: dict[str, Any], node: Node, name: Sentence) -> Sentence:
    return Sentence("{name} is empty; write at least {number}", name=name, number=context["min_length"])


def _long(context: dict[str, Any], node: Node, name: Sentence) -> Sentence:
    limit = context["max_length"]
    if node.kind == "word":
        said = Sentence("{name} has {number:,} characters; at most {limit:,} are allowed")
        return said.with_values(name=name, number=len(node.raw), limit=limit)
    said = Sentence("{name} has {number:,} entries; at most {limit:,} are allowed")
    return said.with_values(name=name, number=len(node.items), limit=limit)


def _bound(said: Sentence) -> Callable[[dict[str, Any], Node, Sentence], Sentence]:
    def say(context: dict[str, Any], node: Node, name: Sentence) -> Sentence:
        return said.with_values(name=name, text=short(node.raw), limit=next(iter(context.values())))

    return say


_RULES: dict[str, Callable[[dict[str, Any], Node, Sentence], Sentence]] = {
    "value_error": _own_words,
    "assertion_error": _own_words,
    "string_pattern_mismatch": _pattern,
    "literal_error": _literal,
    "too_short": _short,
    "string_too_short": _short,
    "too_long": _long,
    "string_too_long": _long,
    "greater_than_equal": _bound(Sentence("{name}: `{text}` is out of range; at least {limit} is allowed")),
    "less_than_equal": _bound(Sentence("{name}: `{text}` is out of range; at most {limit} is allowed")),
    "greater_than": _bound(Sentence("{name}: `{text}` is out of range; more than {limit} is allowed")),
    "less_than": _bound(Sentence("{name}: `{text}` is out of range; less than {limit} is allowed")),
}
