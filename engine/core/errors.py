"""The one error tree.

The docstring of a class is its default message: what happened and how to mend it.

    SopError
    ├── DefinitionError        a definition cannot be used; carries its problems with their places
    ├── BasisChanged           what a plan was made on is no longer so
    ├── EventError             an event cannot be taken
    │   └── EventConflict      the same source and id came before with another body
    ├── TooLarge               a body is over a limit
    ├── TemplateError          a message cannot be rendered
    │   └── MissingValue       a value it needs is not there
    ├── IllegalTransition      a state would be left in a way the design does not know
    ├── NotFound               a name leads nowhere
    ├── AccessError            a key is missing, wrong, or lacks a scope
    ├── ChannelError           a channel is misconfigured
    └── InstallationError      servers, settings or migrations are not as needed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from engine.core.sentence import Sentence


class SopError(Exception):
    """The engine could not do what was asked."""

    def __init__(self, message: Sentence | None = None) -> None:
        super().__init__(message or Sentence((type(self).__doc__ or "").strip().splitlines()[0]))

    @property
    def message(self) -> Sentence:
        """What to tell a person: a sentence, which can be said in their language."""
        message: Sentence = self.args[0]
        return message


class DefinitionError(SopError):
    """The definitions cannot be used; see the problems listed with their places."""


class BasisChanged(SopError):
    """What the plan was made on has changed since; nothing was changed, plan again."""


class EventError(SopError):
    """The event cannot be taken; the message says which field is wrong and what is allowed."""


class EventConflict(EventError):
    """An event with this source and id was accepted before with another body; give a changed event a new id."""


class TooLarge(SopError):
    """The body is over the limit; send it in smaller parts."""


class TemplateError(SopError):
    """The template cannot be rendered; correct it in the definition and apply again."""


class MissingValue(TemplateError):
    """A value the message needs is not known of this customer; supply it or write a default."""


class IllegalTransition(SopError):
    """This state cannot be reached from the present one; see docs/states.md for the legal ways."""


class NotFound(SopError):
    """Nothing of this name exists."""


class AccessError(SopError):
    """The API key is missing, unknown, revoked, or lacks the scope this call needs."""


class ChannelError(SopError):
    """The channel is not configured as its type needs it."""


class InstallationError(SopError):
    """The installation is not ready; run `sop doctor` to see what is missing."""


def failure(error: Exception) -> Sentence:
    """Return what failed, for whoever looks for the cause: the kind of error and what it says."""
    said = error.message if isinstance(error, SopError) else str(error)
    return Sentence("{kind}: {said}", kind=type(error).__name__, said=said)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None where nothing comes close."""
    found = difflib.get_close_matches(str(name), [str(each) for each in known], n=1, cutoff=0.5)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> Sentence:
    """Return ``" Did you mean `x`?"`` for a near miss of a known name, else an empty sentence."""
    near = nearest(name, known)
    return meant(near) if near else Sentence("")


def meant(near: str) -> Sentence:
    """Return ``" Did you mean `near`?"``."""
    return Sentence(" Did you mean `{near}`?", near=near)
