"""The language of an answer: of those there are, the one that its request's Accept-Language likes best; English without any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

from starlette.requests import Request

from engine.core.sentence import Sentence
from engine.messages.languages import accepted_language, tell

_accepted = lru_cache(maxsize=256)(accepted_language)


def asked_for(request: Request) -> str:
    """Return the language that a request asks for."""
    return _accepted(request.headers.get("accept-language"))


def headers(language: str) -> dict[str, str]:
    """Return the headers of an answer that is in a language because it was asked for."""
    return {"Content-Language": language, "Vary": "Accept-Language"}


def told(body: Any, language: str) -> Any:
    """Return an answer with every sentence in it said in a language; records become mappings where there is something to say.

    English is what sentences are, so that nothing is copied for it.
    """
    return body if language == "en" else _told(body, language)


def _told(body: Any, language: str) -> Any:
    if isinstance(body, Sentence):
        return tell(body, language)
    if isinstance(body, Mapping):
        return {name: _told(each, language) for name, each in body.items()}
    if isinstance(body, (list, tuple)):
        return [_told(each, language) for each in body]
    if is_dataclass(body) and not isinstance(body, type):
        return {each.name: _told(getattr(body, each.name), language) for each in fields(body)}
    return body
