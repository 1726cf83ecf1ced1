"""All channel types by name, and how a channel is made of its config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.channels import placeholders
from engine.channels.config import RESOLVED, ChannelConfig
from engine.channels.log import LogChannel, LogConfig
from engine.channels.webhook import WebhookChannel, WebhookConfig
from engine.core.errors import ChannelError, did_you_mean
from engine.core.pydantic_texts import PYDANTIC
from engine.core.sentence import Listed, Sentence, codes, sentence_of
from engine.ports import Channel


@dataclass(frozen=True, slots=True)
class ChannelType:
    """One type: the model that validates its section of engine.yaml, and what makes a channel of a validated one."""

    config: type[ChannelConfig]
    channel: Callable[..., Channel]


TYPES: dict[str, ChannelType] = {
    "log": ChannelType(LogConfig, LogChannel),
    "webhook": ChannelType(WebhookConfig, WebhookChannel),
}


def build(name: str, config: Mapping[str, Any], env: Mapping[str, str], *, wall: Callable[[], datetime]) -> Channel:
    """Make the channel `name`.

    Parameters:
        config: its section of engine.yaml; `${NAME}` placeholders are replaced from `env`, here and nowhere else.
        wall: the wall clock, aware.

    Raises:
        ChannelError: the type is unknown, a variable is missing, or a value is refused; values are never quoted.
    """
    kind = _type(name, config)
    _validate(name, kind, config)
    _require(name, config, env)
    resolved = _validate(name, kind, placeholders.resolve(config, env), written=config)
    return kind.channel(name, resolved, now=wall)


def _type(name: str, config: Mapping[str, Any]) -> ChannelType:
    wanted = config.get("type")
    if not isinstance(wanted, str) or wanted not in TYPES:
        raise ChannelError(
            Sentence(
                "channel `{name}`: type: {type} is unknown; it must be one of {names}.{hint}",
                name=name,
                type=repr(wanted),
                names=codes(sorted(TYPES)),
                hint=did_you_mean(str(wanted), TYPES),
            )
        )
    return TYPES[wanted]


def _require(name: str, config: Mapping[str, Any], env: Mapping[str, str]) -> None:
    absent = list(placeholders.missing(config, env))
    if not absent:
        return
    what = Sentence.joined(
        Sentence("{field} needs the environment variable {variable}", field=field, variable=variable)
        for field, variable in absent
    )
    raise ChannelError(
        Sentence(
            "channel `{name}`: {what}, not set or empty. Set it for every process of the engine, e.g. export {remedy}",
            name=name,
            what=what,
            remedy=" ".join(f"{variable}=…" for variable in dict.fromkeys(variable for _, variable in absent)),
        )
    )


def _validate(
    name: str, kind: ChannelType, config: Mapping[str, Any], *, written: Mapping[str, Any] | None = None
) -> ChannelConfig:
    """Validate a config; `written` is what stood in engine.yaml, where its placeholders have been replaced."""
    try:
        return kind.config.model_validate(dict(config), context=RESOLVED if written is not None else None)
    except ValidationError as error:
        said = Sentence.joined([_problem(kind, each, written or {}) for each in error.errors()])
    # Outside the handler: pydantic's error keeps what it was given, and a traceback would show it.
    raise ChannelError(Sentence("channel `{name}`: {said}", name=name, said=said))


def _problem(kind: ChannelType, error: ErrorDetails, written: Mapping[str, Any]) -> Sentence:
    place, said = error["loc"], _said(error)
    if not place:
        return said
    field = ".".join(str(part) for part in place)
    said = Sentence("{field}: {said}", field=field, said=said)
    origin = tuple(f"${{{each}}}" for each in placeholders.names(written.get(str(place[0]))))
    if origin:
        said = Sentence("{said} (value of {names})", said=said, names=Listed(origin, "and"))
    known = kind.config.model_fields
    return said if place[0] in known else said + did_you_mean(field, known)


def _said(error: ErrorDetails) -> Sentence:
    """Return what is wrong: in the words of our own check, else in pydantic's."""
    own = error.get("ctx", {}).get("error")
    return sentence_of(own) if isinstance(own, Exception) else PYDANTIC.said(error["msg"])
