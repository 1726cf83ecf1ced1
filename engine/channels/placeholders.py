"""`${NAME}` in a channel's config: secrets and addresses live in the environment, never in a definition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.core.sentence import Sentence

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def names(value: Any) -> list[str]:
    """Return the variables that a config value names, in order; mappings are searched for their values."""
    if isinstance(value, Mapping):
        return [name for each in value.values() for name in names(each)]
    return _PLACEHOLDER.findall(value) if isinstance(value, str) else []


def checked(text: str) -> str:
    """Return `text` unchanged.

    Raises:
        ValueError: it holds a `${` that begins no placeholder.
    """
    if "${" in _PLACEHOLDER.sub("", text):
        raise ValueError(
            Sentence("holds a `${` that is no placeholder; write ${NAME} with letters, digits and underscores")
        )
    return text


def missing(config: Mapping[str, Any], env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (field, variable) for each variable that `config` names and `env` lacks or has empty."""
    for field, value in config.items():
        for name in names(value):
            if not env.get(name):
                yield field, name


def resolve(value: Any, env: Mapping[str, str]) -> Any:
    """Return `value` with every placeholder replaced once; what a variable holds is not searched again.

    Raises:
        KeyError: a variable is not in `env`; ask `missing` first.
    """
    if isinstance(value, Mapping):
        return {key: resolve(each, env) for key, each in value.items()}
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: env[found[1]], value)
    return value
