"""What is said to a person: an English sentence with named values, and every part needed to say it in another language.

Core, services and store say English; the edges (cli, api, console) say it again in the reader's language, by
`engine.messages.catalog`. A value may be a sentence itself (what was found, what is wanted), or several names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

By = Literal[", ", "; ", " ", "\n", "or", "and"]


class Speech(Protocol):
    """A language: what stands for an English sentence; the interface of `gettext.NullTranslations`."""

    def gettext(self, message: str, /) -> str:
        """Return what stands for a sentence."""

    def pgettext(self, context: str, message: str, /) -> str:
        """Return what stands for a sentence that means something else elsewhere."""

    def ngettext(self, msgid1: str, msgid2: str, n: int, /) -> str:
        """Return what stands for a sentence about a number of things."""


class _English:
    """What a sentence is written in."""

    def gettext(self, message: str, /) -> str:
        return message

    def pgettext(self, _context: str, message: str, /) -> str:
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int, /) -> str:
        return msgid1 if n == 1 else msgid2


_ENGLISH = _English()


@dataclass(frozen=True, slots=True)
class Listed:
    """Several values one after the other: with commas, semicolons, a line each, as a choice (`a, b or c`) or together (`a, b and c`)."""

    items: tuple[object, ...]
    by: By = ", "

    def say(self, speech: Speech) -> str:
        """Return them in a language."""
        said = [str(_said(each, speech)) for each in self.items]
        if self.by in (" ", "\n"):
            return self.by.join(said)
        if self.by == ", " or self.by == "; ":
            return speech.pgettext("between", self.by).join(said)
        if len(said) < 2:
            return "".join(said)
        before, last = speech.pgettext("between", ", ").join(said[:-1]), said[-1]
        pattern = _OR if self.by == "or" else _AND
        return speech.pgettext("between", pattern.msgid).format(before=before, last=last)


class Sentence(str):
    """An English sentence in the form of a text, which knows its pattern (the msgid) and its values."""

    __slots__ = ("context", "many", "msgid", "values")

    msgid: str
    """The pattern: `{name} is empty`, as `str.format` fills it in."""
    context: str | None
    """Tells apart two meanings of one pattern."""
    many: str | None
    """The pattern for several things; `number` among the values says how many there are."""
    values: Mapping[str, object]

    def __new__(cls, msgid: str, /, **values: object) -> Sentence:
        """Return the sentence of a pattern and its values; without values the pattern stands for itself."""
        return cls._made(msgid, None, None, values)

    @classmethod
    def within(cls, context: str, msgid: str, /, **values: object) -> Sentence:
        """Return a sentence whose pattern means something else in other contexts."""
        return cls._made(msgid, context, None, values)

    @classmethod
    def counted(cls, one: str, many: str, number: int, /, **values: object) -> Sentence:
        """Return a sentence about a number of things, which is `{number}` among the values.

        Parameters:
            one: the pattern for one
            many: the pattern for none and several
            number: how many
        """
        return cls._made(one, None, many, {"number": number, **values})

    @classmethod
    def joined(cls, sentences: Iterable[object], by: By = "; ") -> Sentence:
        """Return sentences or names one after the other as one sentence."""
        return cls._made("{all}", None, None, {"all": Listed(tuple(sentences), by)})

    @classmethod
    def _made(cls, msgid: str, context: str | None, many: str | None, values: Mapping[str, object]) -> Sentence:
        made = str.__new__(cls, _filled(msgid, many, context, values, _ENGLISH))
        made.msgid, made.context, made.many, made.values = msgid, context, many, values
        return made

    def __add__(self, other: str) -> Sentence:
        """Return this and another one after it; a plain text is said as it is."""
        return Sentence._made("{first}{then}", None, None, {"first": self, "then": other}) if other else self

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: Callable[[Any], Any]) -> Any:
        """Return what pydantic, and so OpenAPI, takes it for: a text."""
        return handler(str)

    def __reduce__(self) -> tuple[Callable[..., Sentence], tuple[Any, ...]]:
        return _again, (self.msgid, self.context, self.many, dict(self.values))

    def with_values(self, **values: object) -> Sentence:
        """Return the sentence with these values beside those it has."""
        return Sentence._made(self.msgid, self.context, self.many, {**self.values, **values})

    def say(self, speech: Speech) -> str:
        """Return it in a language, with everything in it that has a language of its own."""
        return _filled(self.msgid, self.many, self.context, self.values, speech)


def _again(msgid: str, context: str | None, many: str | None, values: Mapping[str, object]) -> Sentence:
    return Sentence._made(msgid, context, many, values)


def _filled(msgid: str, many: str | None, context: str | None, values: Mapping[str, object], speech: Speech) -> str:
    if not msgid:
        return ""  # a catalogue has its own header under the empty text
    if many is not None:
        number = values.get("number")
        pattern = speech.ngettext(msgid, many, number if isinstance(number, int) else 2)
    else:
        pattern = speech.gettext(msgid) if context is None else speech.pgettext(context, msgid)
    if not values:
        return pattern
    return pattern.format(**{name: _said(value, speech) for name, value in values.items()})


def _said(value: object, speech: Speech) -> Any:
    """Return a value as `str.format` takes it: numbers stay numbers, for `{number:,}`."""
    if isinstance(value, (Sentence, Listed)):
        return value.say(speech)
    if isinstance(value, (list, tuple)):
        return Listed(tuple(value)).say(speech)
    return value


_OR = Sentence.within("between", "{before} or {last}")
_AND = Sentence.within("between", "{before} and {last}")
_COMMA, _SEMICOLON = Sentence.within("between", ", "), Sentence.within("between", "; ")


def codes(names: Iterable[object]) -> tuple[Sentence, ...]:
    """Return names as they are written in files and commands, to be listed; a language of other letters sets them off."""
    return tuple(Sentence.within("code", "{name}", name=name) for name in names)


def sentence_of(error: Exception) -> Sentence:
    """Return what an error says: the sentence it was made with, else its text as it is."""
    said = error.args[0] if error.args else ""
    return said if isinstance(said, Sentence) else Sentence.joined((str(error),))
