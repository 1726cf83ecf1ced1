"""The language of this run: what `--lang` asks for, else what the environment does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.messages import languages

OPTION = "--lang"
_run = {"language": "en"}


def choose(arguments: Iterable[str], environment: Mapping[str, str]) -> None:
    """Set the language of this run.

    To be called before the commands are made: their help is in that language. What is no language is left to Typer to refuse.
    """
    asked, _ = _parted(arguments)
    _run["language"] = next(
        (each for each in reversed(asked) if each in languages.LANGUAGES), languages.language_of(environment)
    )


def without_language(arguments: Iterable[str]) -> list[str]:
    """Return the arguments that do not name the language."""
    return _parted(arguments)[1]


def _parted(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the values of `--lang`, and all other arguments. After `--` nothing is an option any more."""
    asked: list[str] = []
    others: list[str] = []
    left = iter(arguments)
    for each in left:
        name, equals, value = each.partition("=")
        if each == "--":
            return asked, [*others, each, *left]
        if name == OPTION:
            asked.append(value if equals else next(left, ""))
        else:
            others.append(each)
    return asked, others


def language() -> str:
    """Return the language of this run: `zh` or `en`."""
    return _run["language"]


def tell(text: object) -> str:
    """Return a sentence in the language of this run; any other text as it is."""
    return languages.tell(text, language())
