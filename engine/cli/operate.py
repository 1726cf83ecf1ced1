"""`sop pause · resume · pauses · recall · retry · dead-letters · audit`: what operators do about many customers, or see."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.cli import session
from engine.cli.output import Column, as_json, at, clean, note, say, table
from engine.cli.session import AsJson, Lang
from engine.core.errors import SopError
from engine.core.wording import Words, gist
from engine.operations import Operations
from engine.services.pause import Paused
from engine.services.resume import Resumed
from engine.services.retry_touches import Retried
from engine.store.pauses import Scope

PANEL = "Operating"
_AUDIT = (Column("time", 19), Column("who", 16), Column("action", 18), Column("detail"))
_LETTERS = (Column("id", 6), Column("time", 19), Column("customer", 16), Column("event", 30), Column("error"))

_Sop = Annotated[str | None, typer.Argument(metavar="[SOP]", help="The SOP's id.", show_default=False)]
_Channel = Annotated[str | None, typer.Option(help="Instead of an SOP: everything that goes over this channel.")]
_All = Annotated[bool, typer.Option("--all", help="Instead of an SOP: everything.")]
_Letter = Annotated[int, typer.Argument(metavar="ID", help="Its id, as `sop dead-letters` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (pause, resume, pauses, recall, retry):
        app.command(rich_help_panel=PANEL)(command)
    letters = typer.Typer(help="What could not be matched and was set aside: list, replay, discard.")
    letters.callback(invoke_without_command=True)(_list_unless_told)
    letters.command("list")(list_letters)
    letters.command()(replay)
    letters.command()(discard)
    app.add_typer(letters, name="dead-letters", rich_help_panel=PANEL)
    app.command(rich_help_panel=PANEL)(audit)


def operating(lang: Lang = None) -> tuple[Operations, Words, str]:
    """Return the use cases, the words in the reader's language, and who gives this command."""
    parts = session.wiring()
    return parts.operations, Words(session.language(lang), session.zone_of(parts)), session.who()


def scope_of(sop: str | None, channel: str | None, everything: bool) -> Scope:
    """Return what a command is about. Raises SopError unless exactly one of the three is given."""
    given = [
        *([Scope("sop", sop)] if sop else []),
        *([Scope("channel", channel)] if channel else []),
        *([Scope("all")] if everything else []),
    ]
    if len(given) != 1:
        raise SopError("name one: an SOP, --channel NAME, or --all")
    return given[0]


def named(scope: Scope, words: Words) -> str:
    """Return a pause's scope in words."""
    return words.say(f"scope_{scope.kind}", name=scope.name)


# ── pausing ──────────────────────────────────────────────────────────────────────────────────────────────────


def pause(
    sop: _Sop = None,
    channel: _Channel = None,
    everything: _All = False,
    reason: Annotated[str | None, typer.Option(help="Why, for those who come after.")] = None,
    lang: Lang = None,
    json_: AsJson = False,
) -> None:
    """Hold everything of an SOP, of a channel, or all: what waits to be sent stays, what falls due waits. Audited.

    Events are still taken, timelines still start and end. What is being sent at this moment goes out.

    Examples:

    sop pause renovation-lead --reason "wrong price in d3"

    sop pause --channel wecom
    """
    operations, words, who = operating(lang)
    told = operations.pausing.pause(scope_of(sop, channel, everything), who, reason)
    if json_:
        as_json(told)
        return
    _tell_paused(told, words)


def _tell_paused(told: Paused, words: Words) -> None:
    what = named(told.scope, words)
    if told.changed:
        say(words.say("paused", what=clean(what)))
    else:
        say(words.say("paused_already", what=clean(what), since=words.time(told.since), who=clean(told.who)))
    held = "pause_holds_touches" if told.scope.kind == "channel" else "pause_holds"
    say(f"  {words.say(held, **({} if 'touches' in held else {'timelines': told.timelines}), touches=told.touches)}")
    if told.sending:
        say(f"  {words.say('pause_sending', number=told.sending)}")
    target = {"sop": told.scope.name, "channel": f"--channel {told.scope.name}", "all": "--all"}[told.scope.kind]
    note(words.say("pause_hint", target=clean(target)))


def resume(
    sop: _Sop = None,
    channel: _Channel = None,
    everything: _All = False,
    skip_missed: Annotated[
        bool, typer.Option("--skip-missed", help="Nothing that came due meanwhile goes out, even if still in time.")
    ] = False,
    lang: Lang = None,
    json_: AsJson = False,
) -> None:
    """Let what was paused go on: what is past its limit expires, the rest goes, and nobody gets a pile. Audited.

    Example: sop resume renovation-lead --skip-missed
    """
    operations, words, who = operating(lang)
    told = operations.resuming.resume(scope_of(sop, channel, everything), who, skip_missed=skip_missed)
    if json_:
        as_json(told)
        return
    _tell_resumed(told, words)


def _tell_resumed(told: Resumed, words: Words) -> None:
    what = clean(named(told.scope, words))
    if told.changed and told.since:
        say(words.say("resumed", what=what, since=words.time(told.since)))
    else:
        say(words.say("resumed_not", what=what))
    lines = [
        (told.skipped, words.say("resume_skipped", number=told.skipped)),
        (told.timelines, words.say("resume_steps", timelines=told.timelines, going=told.going, expired=told.expired)),
        (
            told.touches + told.touches_expired,
            words.say("resume_touches", going=told.touches, expired=told.touches_expired),
        ),
    ]
    for _, line in filter(lambda each: each[0], lines):
        say(f"  {line}")
    if told.still_paused:
        say(
            f"  {words.say('resume_still', what=words.listed(clean(named(each, words)) for each in told.still_paused))}"
        )


def pauses(lang: Lang = None, json_: AsJson = False) -> None:
    """Show what is paused, since when, by whom and why."""
    operations, words, _ = operating(lang)
    found = operations.pausing.pauses()
    if json_:
        as_json([dict(row._mapping) for row in found])
        return
    for row in found:
        why = f": {row.reason}" if row.reason else ""
        what = named(Scope(row.kind, row.name), words)
        say(clean(words.say("pause_line", what=what, since=words.time(row.since), who=row.who or "?", why=why)))
    if not found:
        note(words.say("pause_none"))


# ── touches ──────────────────────────────────────────────────────────────────────────────────────────────────


def recall(
    sop: Annotated[str, typer.Argument(metavar="SOP", help="The SOP's id.")],
    step: Annotated[str, typer.Option(help="The step whose touches are called back.")],
    lang: Lang = None,
    json_: AsJson = False,
) -> None:
    """Call back a step's touches that are not confirmed yet: those that wait to be sent, and those that wait for staff. Audited.

    Example: sop recall renovation-lead --step d3
    """
    operations, words, who = operating(lang)
    told = operations.recalling.recall(sop, step, who)
    if json_:
        as_json(told)
        return
    about = {"sop": clean(sop), "step": clean(step)}
    if told.changed:
        say(words.say("recalled", **about, queued=told.queued, handed=told.handed))
        say(f"  {words.say('recalled_on')}")
    else:
        say(words.say("recalled_none", **about))
    if told.sending + told.sent:
        say(f"  {words.say('recalled_late', sending=told.sending, sent=told.sent)}")


def retry(
    touches: Annotated[list[int], typer.Argument(metavar="TOUCH...", help="Ids of touches: `sop log --json`.")],
    mark_sent: Annotated[
        bool, typer.Option("--mark-sent", help="Instead: you know that they arrived; note them as sent.")
    ] = False,
    lang: Lang = None,
    json_: AsJson = False,
) -> None:
    """Send touches again that failed or whose outcome is not known, under the same key, if their limit lies ahead. Audited.

    Exit code 1 if one of them could not be.

    Examples:

    sop retry 4711 4712

    sop retry 4713 --mark-sent
    """
    operations, words, who = operating(lang)
    told = operations.retrying.retry(touches, who, mark_sent=mark_sent)
    if json_:
        as_json(told)
    else:
        for each in told:
            say(clean(_retried(each, words)))
    if not all(each.done for each in told):
        raise typer.Exit(1)


def _retried(each: Retried, words: Words) -> str:
    about = f"{each.customer} {each.sop} {each.step}"
    values: dict[str, Any] = {"touch": each.touch}
    if each.verdict != "not_found":
        values["about"] = about
    if each.verdict == "wrong_status":
        values["status"] = each.status
    if each.verdict in ("queued", "expired") and each.limit_at:
        values["limit"] = words.time(each.limit_at)
    return words.say(f"retry_{each.verdict}", **values)


# ── dead letters and the audit ───────────────────────────────────────────────────────────────────────────────


def _list_unless_told(context: typer.Context, lang: Lang = None, json_: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_letters(lang=lang, json_=json_)


def list_letters(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="So many of the newest.")] = 50,
    lang: Lang = None,
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
        note(Words(session.language(lang), zone).say("dead_none"))


def replay(letter: _Letter, lang: Lang = None, json_: AsJson = False) -> None:
    """Let the matcher come to the event again as if for the first time, and say what comes of it. Audited."""
    operations, words, who = operating(lang)
    event = operations.dead_letters.replay(letter, who)
    from engine.cli.by_hand import tell_outcome  # loaded when needed: most of these commands make no event

    if not json_:
        say(words.say("replayed", letter=letter))
    tell_outcome(operations, event, words, {"letter": letter, "event": event} if json_ else None)


def discard(letter: _Letter, lang: Lang = None, json_: AsJson = False) -> None:
    """Take a dead letter away; its event stays in the inbox, unmatched for good. Audited."""
    operations, words, who = operating(lang)
    operations.dead_letters.discard(letter, who)
    if json_:
        as_json({"letter": letter, "discarded": True})
    else:
        say(words.say("discarded", letter=letter))


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
    found = parts.operations.audit.newest(limit, action=action)[::-1]
    if json_:
        for row in found:
            as_json(dict(row._mapping), indent=False)
        return
    table(_AUDIT, [(at(row.at, zone), row.who, row.action, _detail(row.detail)) for row in found])


def _detail(detail: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {_plain(value)}" for name, value in detail.items() if value not in (None, "", []))


def _plain(value: Any) -> str:
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)
