"""The reference of the definition language as Markdown, made from the models: every key, what it may hold, what it means."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from engine.core import definitions
from engine.core.definitions import Moment
from engine.core.sentence import Sentence, Speech
from engine.schema.json_schema import ENGLISH, engine_schema, segments_schema, sop_schema
from engine.schema.reference_pages import CHANNELS, EDITIONS, GROUPS, LANGUAGE, Edition, Group
from engine.schema.reference_words import Words, default_value
from engine.schema.schema_rules import Schema

ChannelTypes = Mapping[str, type[BaseModel]]
_ROOTS: Mapping[str, Callable[[], Schema]] = {
    "Sop": sop_schema,
    "SegmentsConfig": segments_schema,
    "EngineConfig": engine_schema,
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language."""

    owner: str
    """The name of its model."""
    name: str
    description: str
    """In English."""
    value: Schema
    default: Any
    needed: bool

    @property
    def page(self) -> str | None:
        """The page of docs/language that explains it, without its ending."""
        return LANGUAGE.get(f"{self.owner}.{self.name}", LANGUAGE.get(self.owner))


def pages(channel_types: ChannelTypes, language: str = "en", speech: Speech = ENGLISH) -> dict[str, str]:
    """Return every page of the reference by its file name, in the folder of its language (`EDITIONS`).

    Parameters:
        channel_types: config model of each channel type.
        language: names the edition: where the pages lie, and which one they lead to.
        speech: says the texts in that language.
    """
    book = _Book(EDITIONS[language], speech)
    made = {f"{group.file}.md": book.page(group) for group in GROUPS}
    made["channels.md"] = book.channels(channel_types)
    return {"README.md": book.index(), **made}


def keys(model: type[BaseModel]) -> Iterator[Key]:
    """Yield the keys of a model of the language, in their order; none of one that is written as a pair."""
    if _is_pair(model):
        return
    properties = _properties(_schemas()[model.__name__])
    for field, info in model.model_fields.items():
        name = info.alias or field
        yield Key(
            model.__name__, name, info.description or "", properties[name], info.get_default(call_default_factory=True),
            info.is_required(),
        )  # fmt: skip


def models() -> dict[str, type[BaseModel]]:
    """Return every model of the language that has something to fill in, by its name."""
    named = {name: getattr(definitions, name) for name in _schemas()}
    return {name: model for name, model in named.items() if model.model_fields}


def _is_pair(model: type[BaseModel]) -> bool:
    """Return whether a model is written as a pair, without keys."""
    return "prefixItems" in _schemas()[model.__name__]


@cache
def _schemas() -> dict[str, Schema]:
    """Return the schema of every model, by its name."""
    found: dict[str, Schema] = {}
    for name, make in _ROOTS.items():
        whole = make()
        found |= {**whole.pop("$defs"), name: whole}
    return found


def _properties(schema: Schema) -> dict[str, Schema]:
    """Return the properties of a schema, of the long form where there are short ones."""
    forms = schema.get("anyOf", [schema])
    return dict(next((each["properties"] for each in forms if "properties" in each), {}))


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────

_NEEDED = Sentence.within("column", "needed")
_COLUMNS = (
    Sentence.within("column", "key"),
    Sentence.within("column", "value"),
    Sentence.within("column", "default"),
    Sentence.within("column", "meaning"),
    Sentence.within("column", "more"),
)


class _Book:
    """The pages of one edition."""

    def __init__(self, edition: Edition, speech: Speech) -> None:
        self._edition, self._speech = edition, speech

    def index(self) -> str:
        """Return the page that names the others."""
        columns = (Sentence.within("column", "page"), Sentence.within("column", "what it holds"))
        rows = [(f"[{self._say(each.title)}]({each.file}.md)", self._say(each.about)) for each in (*GROUPS, CHANNELS)]
        about = Sentence("Every key, its values, its default, what it means.")
        lines = [*self._head("README", Sentence.within("heading", "Reference"), about), *self._table(columns, rows), ""]
        return "\n".join(lines)

    def page(self, group: Group) -> str:
        """Return the page of a part of the language."""
        lines = self._head(group.file, group.title, Sentence("{about}.", about=group.about))
        words = Words(group.file, self._speech)
        for model in [models()[name] for name in group.models if name in models()]:
            lines += self._section(model, words)
        return "\n".join(lines)

    def channels(self, channel_types: ChannelTypes) -> str:
        """Return the page of the channel types."""
        lines = self._head(CHANNELS.file, CHANNELS.title, Sentence("{about}.", about=CHANNELS.about))
        lines += [self._say(Sentence("How each behaves: [channels]({docs}/channels.md).", docs=self._edition.docs)), ""]
        schema = engine_schema(channel_types)
        for each in schema["properties"]["channels"]["additionalProperties"]["oneOf"]:
            kind = each["properties"]["type"]["const"]
            model = channel_types[kind]
            lines += [f"## {kind}", "", self._doc(model), ""]
            lines += [*self._table(_COLUMNS, self._settings(each, model)), ""]
        return "\n".join(lines)

    def _head(self, file: str, title: str, about: Sentence) -> list[str]:
        made = Sentence(
            "Made from the models by `sop reference --write docs/reference`; a test compares. "
            "Explained with examples in [the language]({docs}/language/README.md).",
            docs=self._edition.docs,
        )
        other = f"[{self._edition.other}]({self._edition.to_other}/{file}.md)"
        return [f"# {self._say(title)}", "", other, "", self._say(about), "", self._say(made), ""]

    def _section(self, model: type[BaseModel], words: Words) -> list[str]:
        name = model.__name__
        lines = [f"## {words.title(name)}", "", self._doc(model), ""]
        shorts = words.one_of([each for each in _schemas()[name].get("anyOf", ()) if "properties" not in each])
        if shorts:
            lines += [self._say(Sentence("Short form: {forms}.", forms=shorts)), ""]
        if _is_pair(model):
            said = [f"- {self._described(info.description)}" for info in model.model_fields.values()]
            return [*lines, *said, "", self._see(LANGUAGE[name]), ""]
        inherited = Moment.model_fields if issubclass(model, Moment) and model is not Moment else {}
        if inherited:
            any_moment = Sentence("Any [moment]({where}), and beside it:", where=words.where("Moment"))
            lines += [self._say(any_moment), ""]
        rows = [self._row(key, words) for key in keys(model) if key.name not in inherited]
        return [*lines, *self._table(_COLUMNS, rows), ""]

    def _row(self, key: Key, words: Words) -> tuple[str, ...]:
        default = self._say(_NEEDED) if key.needed else default_value(key.default)
        more = self._see(key.page) if key.page else ""
        return f"`{key.name}`", words.value(key.value), default, self._described(key.description), more

    def _settings(self, schema: Schema, model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
        defaults = {info.alias or name: info for name, info in model.model_fields.items()}
        words = Words(CHANNELS.file, self._speech)
        for name, value in schema["properties"].items():
            info = defaults.get(name)
            if info is None or name in schema["required"]:
                default = self._say(_NEEDED)
            else:
                default = default_value(info.get_default(call_default_factory=True))
            yield f"`{name}`", words.value(value), default, self._described(value.get("description")), ""

    def _see(self, page: str) -> str:
        return f"[{page}]({self._edition.docs}/language/{page}.md)"

    def _doc(self, model: type[BaseModel]) -> str:
        """Return what a model is, on one line."""
        return " ".join(self._described(inspect.cleandoc(model.__doc__ or "")).split())

    def _described(self, description: str | None) -> str:
        """Return a description of a model, which it keeps in English."""
        return Sentence(description or "").say(self._speech)

    def _say(self, text: str) -> str:
        """Return a sentence in this edition's language; the name of a file as it is."""
        return text.say(self._speech) if isinstance(text, Sentence) else text

    def _table(self, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> list[str]:
        head = [self._say(each) for each in columns]
        return [_cells(head), _cells(["---"] * len(head)), *map(_cells, rows)]


def _cells(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"
