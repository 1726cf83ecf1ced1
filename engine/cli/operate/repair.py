"""`sop retry · dead-letters · audit`: what did not come to a good end, mended by hand; and who did what."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.cli import panels, session
from engine.cli.commands import Commands
from engine.cli.language import language
from engine.cli.operate.pause import operating
from engine.cli.operate.timelines import tell_outcome
from engine.cli.session import AsJson
from engine.cli.views.output import Column, as_json, at, clean, coded, note, say, table
from engine.core.sentence import Sentence
from engine.messages.operating import RETRY_VERDICT
from engine.messages.story import StoryFormatter, gist
from engine.services.operations.retry import Retried

_TIME = Sentence.within("column", "time")
_AUDIT = (
    Column(_TIME, 19), Column(Sentence.within("column", "who"), 16), Column(Sentence.within("column", "action"), 18),
    Column(Sentence.within("column", "detail")),
)  # fmt: skip
_LETTERS = (
    Column(Sentence.within("column", "id"), 6), Column(_TIME, 19), Column(Sentence.within("column", "customer"), 16),
    Column(Sentence.within("column", "event"), 30), Column(Sentence.within("column", "error")),
)  # fmt: skip

_DETAILS = {
    "back_to": Sentence.within("audit", "back_to"),
    "basis": Sentence.within("audit", "basis"),
    "channel": Sentence.within("audit", "channel"),
    "customer": Sentence.within("audit", "customer"),
    "detail": Sentence.within("audit", "detail"),
    "error": Sentence.within("audit", "error"),
    "event": Sentence.within("audit", "event"),
    "generation": Sentence.within("audit", "generation"),
    "handed": Sentence.within("audit", "handed"),
    "kind": Sentence.within("audit", "kind"),
    "letter": Sentence.within("audit", "letter"),
    "name": Sentence.within("audit", "name"),
    "new": Sentence.within("audit", "new"),
    "outcome": Sentence.within("audit", "outcome"),
    "paused_since": Sentence.within("audit", "paused_since"),
    "queued": Sentence.within("audit", "queued"),
    "reason": Sentence.within("audit", "reason"),
    "ref": Sentence.within("audit", "ref"),
    "removed": Sentence.within("audit", "removed"),
    "skipped": Sentence.within("audit", "skipped"),
    "sop": Sentence.within("audit", "sop"),
    "step": Sentence.within("audit", "step"),
    "timeline": Sentence.within("audit", "timeline"),
    "touches": Sentence.within("audit", "touches"),
    "variant": Sentence.within("audit", "variant"),
}
"""What an entry of the audit tells, in words."""

_Letter = Annotated[int, typer.Argument(metavar="ID", help="Its id, as `sop dead-letters` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panels.OPERATING)(retry)
    letters = Commands(help="What could not be matched and was set aside: list, replay, discard.")
    letters.callback(invoke_without_command=True)(_list_unless_told)
    letters.command("list")(list_letters)
    letters.command()(replay)
    letters.command()(discard)
    app.add_typer(letters, name="dead-letters", rich_help_panel=panels.OPERATING)
    app.command(rich_help_panel=panels.OPERATING)(audit)


def retry(
    touches: Annotated[list[int], typer.Argument(metavar="TOUCH...", help="Ids of touches: `sop log --json`.")],
    mark_sent: Annotated[
        bool, typer.Option("--mark-sent", help="Instead: you know that they arrived; note them as sent.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Send touches again that failed or whose outcome is not known, under the same key, if their limit lies ahead. Audited.

    Exit code 1 if one of them could not be.

    Examples:

    sop retry 4711 4712

    sop retry 4713 --mark-sent
    """
    operations, words, who = operating()
    told = operations.retrier.retry(touches, who, mark_sent=mark_sent)
    if json_:
        as_json(told)
    else:
        for each in told:
            say(clean(_retried(each, words)))
    if not all(each.done for each in told):
        raise typer.Exit(1)


def _retried(each: Retried, words: StoryFormatter) -> str:
    about = f"{each.customer} {each.sop} {each.step}"
    values: dict[str, Any] = {"touch": each.touch}
    if each.verdict != "not_found":
        values["about"] = about
    if each.verdict == "wrong_status":
        values["status"] = each.status
    if each.verdict in ("queued", "expired") and each.limit_at:
        values["limit"] = words.time(each.limit_at)
    return words.say(RETRY_VERDICT[each.verdict], **values)


# ── dead letters and the audit ───────────────────────────────────────────────────────────────────────────────


def _list_unless_told(context: typer.Context, json_: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_letters(json_=json_)


def list_letters(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="So many of the newest.")] = 50,
    json_: AsJson = False,
) -> None:
    """Show what was set aside, newest last. In a pipe: tab-separated lines.

    Columns: id, time, customer, event, error.
    """
    parts = session.wiring()
    zone = session.zone_of(parts)
    found = parts.operations.dead_letters.newest(limit)
    if json_:
        as_json([dict(row._mapping) for row in found])
        return
    shown = [
        (row.id, at(row.at, zone), row.subject, f"{row.type} {gist(row.type, row.data)}" if row.type else row.kind, row.error)
        for row in found
    ]  # fmt: skip
    if shown:
        table(_LETTERS, shown)
    else:
        note(StoryFormatter(language(), zone).say("there are no dead letters"))


def replay(letter: _Letter, json_: AsJson = False) -> None:
    """Let the matcher come to the event again as if for the first time, and say what comes of it. Audited."""
    operations, words, who = operating()
    event = operations.dead_letters.replay(letter, who)
    if not json_:
        say(words.say("dead letter {letter}: its event is matched anew", letter=letter))
    tell_outcome(operations, event, words, {"letter": letter, "event": event} if json_ else None)


def discard(letter: _Letter, json_: AsJson = False) -> None:
    """Take a dead letter away; its event stays in the inbox, unmatched for good. Audited."""
    operations, words, who = operating()
    operations.dead_letters.discard(letter, who)
    if json_:
        as_json({"letter": letter, "discarded": True})
    else:
        say(words.say("dead letter {letter} is discarded; its event stays in the inbox", letter=letter))


def audit(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="So many of the newest.")] = 50,
    action: Annotated[
        str | None, typer.Option(help="Only this one: pause, resume, recall, definitions.apply, …")
    ] = None,
    json_: AsJson = False,
) -> None:
    """Show what was done by hand, by whom, newest last. In a pipe: tab-separated lines; --json: an object a line.

    Columns: time, who, action, detail.
    """
    parts = session.wiring()
    zone = session.zone_of(parts)
    found = parts.operations.audit_log.newest(limit, action=action)[::-1]
    if json_:
        for row in found:
            as_json(dict(row._mapping), indent=False)
        return
    table(_AUDIT, [(at(row.at, zone), row.who, row.action, _detail(row.detail)) for row in found])


def _detail(detail: dict[str, Any]) -> Sentence:
    """Return what it was done to, and with what: names in words on a terminal, as they are stored elsewhere."""
    said = Sentence("")
    for name, value in detail.items():
        if value not in (None, "", []):
            one = Sentence.within("audit", "{name}: {value}", name=coded(name, _DETAILS), value=_plain(value))
            said = Sentence.within("audit", "{before}, {one}", before=said, one=one) if said else one
    return said


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return Sentence.joined(map(_plain, value), by=", ")
    return value if isinstance(value, str) else str(value)
