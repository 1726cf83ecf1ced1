"""`sop start · cancel · test-send · opt-out · opt-in`: what operators do for one customer."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any

import typer

from engine.cli import panels, session
from engine.cli.operate.events import data_of
from engine.cli.operate.pause import operating
from engine.cli.session import AsJson
from engine.cli.views.output import as_json, clean, note, say
from engine.core.errors import NotFound
from engine.core.explain.story import EventEntry, decisions
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.messages.operating import SEND_OUTCOME
from engine.messages.story import StoryFormatter
from engine.operations import Operations
from engine.services.operations.opt_out import Opted
from engine.services.operations.start import ManualStart
from engine.services.operations.trial_send import Trial, Tried
from engine.store.database import Row

_WAIT = 10.0
"""Seconds to wait for what comes of an event."""

_Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id in the CRM.")]
_Channel = Annotated[str | None, typer.Option(help="Only this channel; without it, all.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("start", start), ("cancel", cancel), ("test-send", test_send), ("opt-out", opt_out), ("opt-in", opt_in)
    ):  # fmt: skip
        app.command(name, rich_help_panel=panels.OPERATING)(command)


# ── starting ─────────────────────────────────────────────────────────────────────────────────────────────────


def start(
    sop: Annotated[str, typer.Argument(metavar="SOP", help="The SOP's id.")],
    customer: _Customer,
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="What the starting event would bring, for the SOP's `key`, conditions and texts.",
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The moment that days are counted from: 2d (ago), or a date or time; else now.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Asked again under the same key, it is the same start.")] = None,
    json_: AsJson = False,
) -> None:
    """Start an SOP for a customer. `when`, `reentry`, `group` and `accept` decide as for any start: exit code 1 if refused. Audited.

    Examples:

    sop start renovation-lead C1

    sop start after-order C1 order=SO-1001 --at 2026-03-01
    """
    parts = session.wiring()
    operations, words, who = operating()
    anchor = session.moment(at, parts.clock.now(), session.zone_of(parts)) if at else None
    asked = operations.starter.start(ManualStart(sop, customer, anchor, data_of(values or []), key), who)
    if not asked.changed and not json_:
        say(words.say("asked for before under this key; nothing was done again"))
    row = tell_outcome(
        operations, asked.event, words, {"event": asked.event, "changed": asked.changed} if json_ else None
    )
    if not (row.outcome or {}).get("started"):
        raise typer.Exit(1)


def tell_outcome(operations: Operations, event: int, words: StoryFormatter, told: dict[str, Any] | None) -> Row:
    """Wait for what comes of an event and say it, as JSON together with `told`; return its row.

    Parameters:
        event: its place in the inbox.
        told: what else the JSON is to tell; None: it is said in words.

    Raises typer.Exit with code 1 where nothing comes in time, or the event is set aside.
    """
    row = operations.outcomes.wait(event, _WAIT)
    if told is not None:
        as_json({**told, "outcome": row.outcome if row is not None else None})
    elif row is not None:
        for line in words.outcome(_told(row)):
            say(f"  {clean(line)}")
    if row is None:
        note(
            words.say(
                "taken, and not matched within {seconds} seconds; is the matcher running? `sop doctor` looks",
                seconds=round(_WAIT),
            )
        )
        raise typer.Exit(1)
    if (row.outcome or {}).get("reason") == Reason.DEAD:
        raise typer.Exit(1)
    return row


def _told(row: Row) -> EventEntry:
    outcome = row.outcome or {}
    return EventEntry(
        row.id, row.source, row.event_id, row.type, row.time, row.received_at, row.data, None, row.matched_at,
        outcome.get("reason"), list(outcome.get("dropped", ())), decisions(outcome),
    )  # fmt: skip


# ── cancelling ───────────────────────────────────────────────────────────────────────────────────────────────


def cancel(
    timeline: Annotated[str, typer.Argument(metavar="TIMELINE", help="Its id: `sop explain CUSTOMER --json`.")],
    reason: Annotated[str | None, typer.Option(help="Why; shown with the timeline.")] = None,
    json_: AsJson = False,
) -> None:
    """End a timeline; its touches that wait are called back. Audited.

    Example: sop cancel 4711 --reason "asked on the phone"
    """
    operations, words, who = operating()
    if not (timeline.isascii() and timeline.isdigit() and int(timeline) < 2**63):
        raise _no_id(operations, timeline)
    told = operations.canceller.cancel(int(timeline), who, reason)
    if json_:
        as_json(told)
    elif told.changed:
        about = {"timeline": told.timeline, "customer": told.customer, "sop": told.sop}
        say(
            clean(
                words.say(
                    "cancelled timeline {timeline}: {customer}, {sop}; {number} touches called back",
                    **about,
                    number=told.called_back,
                )
            )
        )
    else:
        about = {"timeline": told.timeline, "customer": told.customer, "sop": told.sop}
        say(
            clean(
                words.say(
                    "timeline {timeline} ({customer}, {sop}) has ended already: {state}; nothing changed",
                    **about,
                    state=told.state,
                )
            )
        )


def _no_id(operations: Operations, given: str) -> NotFound:
    """Return the error for what is no timeline's id: most often a customer's."""
    theirs = operations.canceller.active_of(given)
    if not theirs:
        return NotFound(
            Sentence(
                "`{given}` is no timeline's id, a number; `sop explain CUSTOMER --json` shows those of a customer",
                given=given,
            )
        )
    listed = [f"{row.id} ({row.sop}{f' {row.key}' if row.key else ''})" for row in theirs]
    return NotFound(
        Sentence(
            "`{given}` is a customer, not a timeline; this customer's active timelines: {timelines}",
            given=given,
            timelines=listed,
        )
    )


# ── test-sends ───────────────────────────────────────────────────────────────────────────────────────────────


def test_send(
    sop: Annotated[str, typer.Argument(metavar="SOP", help="The SOP's id.")],
    step: Annotated[str, typer.Argument(metavar="STEP", help="The step's id.")],
    to: Annotated[str, typer.Option(metavar="CUSTOMER", help="Who gets it.")],
    variant: Annotated[str | None, typer.Option(help="This variant; without it, the customer's own.")] = None,
    channel: Annotated[
        str | None, typer.Option(help="Over this channel; without it, the one that delivery would choose.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """Send one step to one customer at once through the real channel. It counts for nothing: no timeline, no cap. Audited.

    The channel's secrets (`${NAME}` in engine.yaml) must be in this command's environment. Exit code 1 if it did not go out.

    Example: sop test-send renovation-lead d3 --to MYSELF
    """
    operations, words, who = operating()
    with contextlib.redirect_stdout(sys.stderr):  # a channel of type log writes there; ours is for what we say
        told = operations.trial_sender.send(Trial(sop, step, to, variant, channel), who)
    if json_:
        as_json(told)
    else:
        _tell_tried(told, words)
    if told.outcome not in ("sent", "handed"):
        raise typer.Exit(1)


def _tell_tried(told: Tried, words: StoryFormatter) -> None:
    outcome = words.say(SEND_OUTCOME[told.outcome])
    outcome = words.say("{said} ({detail})", said=outcome, detail=told.detail) if told.detail else outcome
    about = {"sop": told.sop, "step": told.step, "customer": told.customer, "channel": told.channel}
    say(
        clean(
            words.say("test-send of {step} of {sop} to {customer} over {channel}: {outcome}", **about, outcome=outcome)
        )
    )
    if told.variant:
        say("  " + clean(words.say("variant {variant}", variant=told.variant)))
    if not told.in_sop:
        say(
            "  " + words.say("the customer is not in this SOP: rendered as if it started now, by an event without data")
        )
    for name in ("title", "text"):
        for line in str(told.body.get(name) or "").splitlines():
            say(f"  │ {clean(line)}")
    for attachment in told.body.get("attachments", ()):
        for kind, values in attachment.items():
            say(f"  │ [{kind}] {clean(', '.join(map(str, values.values())))}")


# ── opting out ───────────────────────────────────────────────────────────────────────────────────────────────


def opt_out(customer: _Customer, channel: _Channel = None, json_: AsJson = False) -> None:
    """Let a customer get no more messages, over one channel or any; those that wait are cancelled at their turn. Audited.

    Example: sop opt-out C1 --channel sms
    """
    _opt(customer, channel, True, json_)


def opt_in(customer: _Customer, channel: _Channel = None, json_: AsJson = False) -> None:
    """Let a customer who opted out get messages again. Audited."""
    _opt(customer, channel, False, json_)


def _opt(customer: str, channel: str | None, out: bool, json_: bool) -> None:
    operations, words, who = operating()
    told = operations.opt_outs.opt(customer, who, channel=channel, out=out)
    row = operations.outcomes.wait(told.event, _WAIT) if told.event is not None else None
    if json_:
        as_json(told)
    elif told.event is None or row is not None:
        _tell_opted(told, out, words)
    if told.event is not None and row is None:
        note(
            words.say(
                "taken, and not matched within {seconds} seconds; is the matcher running? `sop doctor` looks",
                seconds=round(_WAIT),
            )
        )
        raise typer.Exit(1)


def _tell_opted(told: Opted, out: bool, words: StoryFormatter) -> None:
    what = words.say("channel {name}", name=told.channel) if told.channel else words.say("all channels")
    phrase = (
        Sentence("it is so already for {customer} ({what}); nothing changed")
        if not told.changed
        else Sentence("{customer} has opted out of {what}")
        if out
        else Sentence("{customer} has opted in to {what}")
    )
    say(clean(words.say(phrase, customer=told.customer, what=what)))
    if told.waiting:
        names = words.listed(f"{each.sop} {each.step}" for each in told.waiting)
        say(
            "  "
            + clean(
                words.say(
                    "{number} messages wait to be sent and are cancelled at their turn: {names}",
                    number=len(told.waiting),
                    names=names,
                )
            )
        )
