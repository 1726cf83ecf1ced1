"""The languages a person may be told things in, and how a sentence is said in them. Only `gettext` is needed at run time."""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from engine.core.sentence import Listed, Sentence

LANGUAGES = ("zh", "en")
DOMAIN = "sop"
LOCALE = Path(__file__).parent / "locale"
"""locale/zh/LC_MESSAGES/sop.po is edited, sop.mo beside it is made of it by `python -m engine.messages.update`."""

_VARIABLES = ("SOP_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


@lru_cache
def speech(language: str) -> gettext.NullTranslations:
    """Return the catalogue of a language; English, which sentences are written in, for one there is none of."""
    return gettext.translation(DOMAIN, LOCALE, [language], fallback=True)


def tell(text: object, language: str) -> str:
    """Return a sentence in a language; any other text as it is."""
    return text.say(speech(language)) if isinstance(text, (Sentence, Listed)) else str(text)


def language_of(environment: Mapping[str, str]) -> str:
    """Return the language that the environment asks for: SOP_LANG, else LC_ALL, LC_MESSAGES, LANG; English without any."""
    found = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    return known_language(found) or "en"


def accepted_language(header: str | None) -> str:
    """Return the language that an Accept-Language header (RFC 9110, 12.5.4) likes best of those there are; English without any."""
    wanted = (_weighed(each) for each in (header or "").split(","))
    best = sorted((-weight, place, tag) for place, (tag, weight) in enumerate(wanted) if weight > 0)
    return next((language for _, _, tag in best if (language := known_language(tag))), "en")


def _weighed(one: str) -> tuple[str, float]:
    tag, *parameters = (part.strip() for part in one.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return tag, float(quality)
    except ValueError:
        return tag, 0.0


def known_language(name: str) -> str | None:
    """Return the language of a locale or tag (`zh_CN.UTF-8`, `zh-Hans`), None where there are no sentences in it."""
    tongue = name.lower().replace("_", "-").partition("-")[0].partition(".")[0]
    return tongue if tongue in LANGUAGES else None
