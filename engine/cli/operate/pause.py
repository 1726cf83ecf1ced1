"""`sop pause · resume · pauses · recall`: what operators do about many customers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import panels, session
from engine.cli.language import language
from engine.cli.session import AsJson
from engine.cli.views.output import as_json, clean, note, say
from engine.core.sentence import Sentence
from engine.messages.operating import PAUSE_SCOPE
from engine.messages.story import StoryFormatter
from engine.operations import Operations
from engine.services.operations.pause import Paused
from engine.services.operations.resume import Resumed
from engine.store.state.pauses import Scope

_Sop = Annotated[str | None, typer.Argument(metavar="[SOP]", help="The SOP's id.", show_default=False)]
_Channel = Annotated[str | None, typer.Option(help="Instead of an SOP: everything that goes over this channel.")]
_All = Annotated[bool, typer.Option("--all", help="Instead of an SOP: everything.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (pause, resume, pauses, recall):
        app.command(rich_help_panel=panels.OPERATING)(command)


def operating() -> tuple[Operations, StoryFormatter, str]:
    """Return the use cases, the words in the reader's language, and who gives this command."""
    parts = session.wiring()
    return parts.operations, StoryFormatter(language(), session.zone_of(parts)), session.who()


def scope_of(sop: str | None, channel: str | None, everything: bool) -> Scope:
    """Return what a command is about. Raises BadParameter (exit code 2) unless exactly one of the three is given."""
    given = [
        *([Scope("sop", sop)] if sop else []),
        *([Scope("channel", channel)] if channel else []),
        *([Scope("all")] if everything else []),
    ]
    if len(given) != 1:
        raise typer.BadParameter(Sentence("name one: an SOP, --channel NAME, or --all"))
    return given[0]


def named(scope: Scope, words: StoryFormatter) -> str:
    """Return a pause's scope in words."""
    return words.say(PAUSE_SCOPE[scope.kind], name=scope.name)


# ── pausing ──────────────────────────────────────────────────────────────────────────────────────────────────


def pause(
    sop: _Sop = None,
    channel: _Channel = None,
    everything: _All = False,
    reason: Annotated[str | None, typer.Option(help="Why, for those who come after.")] = None,
    json_: AsJson = False,
) -> None:
    """Hold everything of an SOP, of a channel, or all: what waits to be sent stays, what falls due waits. Audited.

    Events are still taken, timelines still start and end. What is being sent at this moment goes out.

    Examples:

    sop pause renovation-lead --reason "wrong price in d3"

    sop pause --channel wecom
    """
    operations, words, who = operating()
    told = operations.pauser.pause(scope_of(sop, channel, everything), who, reason)
    if json_:
        as_json(told)
        return
    _tell_paused(told, words)


def _tell_paused(told: Paused, words: StoryFormatter) -> None:
    what = named(told.scope, words)
    if told.changed:
        say(words.say("paused: {what}", what=clean(what)))
    else:
        say(
            words.say(
                "{what} is paused already, since {since}, by {who}; nothing changed",
                what=clean(what),
                since=words.time(told.since),
                who=clean(told.who),
            )
        )
    held = (
        Sentence("held: {touches} touches waiting to be sent")
        if told.scope.kind == "channel"
        else Sentence("held: {timelines} active timelines, {touches} touches waiting to be sent")
    )
    say("  " + words.say(held, timelines=told.timelines, touches=told.touches))
    if told.sending:
        say("  " + words.say("too late for {number} touches being sent at this moment", number=told.sending))
    target = {"sop": told.scope.name, "channel": f"--channel {told.scope.name}", "all": "--all"}[told.scope.kind]
    note(words.say("`sop resume {target}` lets it go on", target=clean(target)))


def resume(
    sop: _Sop = None,
    channel: _Channel = None,
    everything: _All = False,
    skip_missed: Annotated[
        bool, typer.Option("--skip-missed", help="Nothing that came due meanwhile goes out, even if still in time.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Let what was paused go on: what is past its limit expires, the rest goes, and nobody gets a pile. Audited.

    Example: sop resume renovation-lead --skip-missed
    """
    operations, words, who = operating()
    told = operations.resumer.resume(scope_of(sop, channel, everything), who, skip_missed=skip_missed)
    if json_:
        as_json(told)
        return
    _tell_resumed(told, words)


def _tell_resumed(told: Resumed, words: StoryFormatter) -> None:
    what = clean(named(told.scope, words))
    if told.changed and told.since:
        say(words.say("resumed: {what} (paused since {since})", what=what, since=words.time(told.since)))
    else:
        say(words.say("{what} was not paused; nothing changed", what=what))
    lines = [
        (told.skipped, words.say("skipped, as asked: {number} that came due meanwhile", number=told.skipped)),
        (
            told.timelines,
            words.say(
                "{timelines} timelines: {going} steps are in time and go now (conditions, quiet hours and caps apply as ever); "
                "{expired} are past their limit and expire",
                timelines=told.timelines,
                going=told.going,
                expired=told.expired,
            ),
        ),
        (
            told.touches + told.touches_expired,
            words.say(
                "touches waiting to be sent: {going} go now, {expired} are past their limit and expire",
                going=told.touches,
                expired=told.touches_expired,
            ),
        ),
    ]
    for _, line in filter(lambda each: each[0], lines):
        say(f"  {line}")
    if told.still_paused:
        say(
            "  "
            + words.say(
                "some of it may still be held by: {what}",
                what=words.listed(clean(named(each, words)) for each in told.still_paused),
            )
        )


def pauses(json_: AsJson = False) -> None:
    """Show what is paused, since when, by whom and why."""
    operations, words, _ = operating()
    found = operations.pauser.pauses()
    if json_:
        as_json([dict(row._mapping) for row in found])
        return
    for row in found:
        phrase = (
            Sentence("{what}: since {since}, by {who}: {why}")
            if row.reason
            else Sentence("{what}: since {since}, by {who}")
        )
        what = named(Scope(row.kind, row.name), words)
        say(clean(words.say(phrase, what=what, since=words.time(row.since), who=row.who or "?", why=row.reason)))
    if not found:
        note(words.say("nothing is paused"))


# ── recalling ────────────────────────────────────────────────────────────────────────────────────────────────


def recall(
    sop: Annotated[str, typer.Argument(metavar="SOP", help="The SOP's id.")],
    step: Annotated[str, typer.Option(help="The step whose touches are called back.")],
    json_: AsJson = False,
) -> None:
    """Call back a step's touches that are not confirmed yet: those that wait to be sent, and those that wait for staff. Audited.

    Example: sop recall renovation-lead --step d3
    """
    operations, words, who = operating()
    told = operations.recaller.recall(sop, step, who)
    if json_:
        as_json(told)
        return
    about = {"sop": clean(sop), "step": clean(step)}
    if told.changed:
        say(
            words.say(
                "recalled {step} of {sop}: {queued} waiting to be sent, {handed} waiting for staff",
                **about,
                queued=told.queued,
                handed=told.handed,
            )
        )
        say("  " + words.say("these customers do not get this step again; their timelines go on"))
    else:
        say(words.say("{step} of {sop} has no touch that could be recalled", **about))
    if told.sending + told.sent:
        say(
            "  "
            + words.say(
                "too late for {sending} being sent and {sent} sent before", sending=told.sending, sent=told.sent
            )
        )
