"""Checks of what customers and staff read."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core import templates
from engine.core.definitions import Message
from engine.core.definitions.steps import ATTACHMENTS
from engine.core.errors import did_you_mean, nearest
from engine.core.problems import Loc, Problem
from engine.core.sentence import Listed, Sentence, codes
from engine.core.validation.files import SopFile


def _texts(subject: SopFile) -> Iterator[tuple[Loc, str]]:
    for loc, content in subject.contents():
        if isinstance(content, Message):
            yield (*loc, "text"), content.text
            for index, attachment in enumerate(content.attachments):
                for name, text in getattr(attachment, attachment.kind).items():
                    yield (*loc, "attachments", index, attachment.kind, name), text
            continue
        yield (*loc, "title"), content.title
        if content.text is not None:
            yield (*loc, "text"), content.text
    for loc, action in subject.actions():
        if action.notify is not None:
            yield (*loc, "notify", "text"), action.notify.text


def templates_right(subject: SopFile) -> Iterator[Problem]:
    """Every text is a template that can be rendered, naming only what there is."""
    engine = subject.engine
    known = templates.TemplateNames(
        list(engine.attributes), list(subject.dimensions), engine.staff, subject.segments.numbers
    )
    for loc, text in _texts(subject):
        for mistake in templates.check(text, known):
            yield subject.error(loc, mistake.message, line=mistake.line, column=mistake.column)


def attachments_whole(subject: SopFile) -> Iterator[Problem]:
    """An attachment has what its kind needs and nothing unknown."""
    for way, content in subject.contents():
        for number, attachment in enumerate(content.attachments if isinstance(content, Message) else ()):
            loc: Loc = (*way, "attachments", number, attachment.kind)
            yield from _attachment(subject, loc, attachment.kind, getattr(attachment, attachment.kind))


def _attachment(subject: SopFile, loc: Loc, kind: str, written: dict[str, str]) -> Iterator[Problem]:
    allowed = list(ATTACHMENTS[kind].keys)
    meant = {nearest(name, allowed) for name in written if name not in allowed}
    for name in written:
        if name not in allowed:
            message = Sentence(
                "unknown key `{key}` in `{kind}`; allowed: {names}.{hint}",
                key=name, kind=kind, names=codes(allowed), hint=did_you_mean(name, allowed),
            )  # fmt: skip
            yield subject.error((*loc, name), message, key=True)
    for group in ATTACHMENTS[kind].needed:
        if not any(written.get(name) or name in meant for name in group):
            names = Listed(tuple(f"`{name}`" for name in group), "or")
            yield subject.error(loc, Sentence("`{kind}` needs {names}", kind=kind, names=names))
