"""The doctor: what is wrong with this installation and with what it sees, each finding with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.adapters import holidays
from engine.clocks import wall_now
from engine.core.definitions.catalog import Definitions
from engine.core.errors import ChannelError, SopError
from engine.core.reasons import Reason
from engine.core.validation.unseen_names import NeverSeen, never_seen
from engine.definitions_in_force import CurrentDefinitions
from engine.messages.reasons import sentence
from engine.ports import Channel, Clock
from engine.store import installation, schema
from engine.store.clock import server_now
from engine.store.database import DatabaseUnavailable, transaction
from engine.store.reports import doctor, seen_names
from engine.store.state import pauses

OLDEST_POSTGRESQL, OLDEST_REDIS = 14, (6, 2)
MOST_SKEW = timedelta(seconds=5)
SILENT_AFTER = timedelta(seconds=60)
"""A process that has not shown itself for so long counts as stopped."""
PROCESSES = {"matcher": "sop matcher", "plan": "sop worker plan", "send": "sop worker send", "beat": "sop beat"}
"""Each process that shows itself, and the command that starts it."""

_CALENDAR_AHEAD = timedelta(days=60)
"""So long before a year begins, its official days off should be known."""

_PATIENCE = 5
"""Seconds a look may take."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    level: Literal["ok", "warning", "error"]
    about: str
    text: str
    remedy: str | None = None


class Doctor:
    """Looks at the servers, the processes, the definitions and what is stuck."""

    def __init__(
        self,
        engine: Engine,
        redis_info: Callable[[], Mapping[str, Any]],
        current: CurrentDefinitions,
        build: Callable[[str, Mapping[str, Any]], Channel],
        clock: Clock,
    ) -> None:
        """Take over the parts; `redis_info` returns the server section of Redis' INFO, `build` makes a channel of its section."""
        self._engine, self._redis_info, self._current, self._build, self._clock = (
            engine,
            redis_info,
            current,
            build,
            clock,
        )

    def examine(self) -> Iterator[Finding]:
        """Yield a finding for everything looked at, as it is looked at. What needs the database is left out without it."""
        database = self._database()
        yield database
        yield self._redis()
        if database.level == "error":
            return
        migrated = self._schema()
        yield migrated
        if migrated.level == "error":
            return
        for look in (self._definitions, self._processes, self._stuck, self._names):
            yield from self._within_patience(look)

    def _within_patience(self, look: Callable[[Connection], Iterator[Finding]]) -> Iterator[Finding]:
        """Do one look in a transaction of its own; one that fails or takes too long is itself a finding."""
        try:
            with transaction(self._engine) as connection:
                doctor.bound(connection, _PATIENCE)
                yield from list(look(connection))
        except (SQLAlchemyError, SopError) as error:
            name = look.__name__.strip("_")
            said = f"did not answer within {_PATIENCE} s" if isinstance(error, DBAPIError) else str(error)
            yield Finding("error", name, said, "look again; if it stays so, look at the load of PostgreSQL")

    # ── servers ──────────────────────────────────────────────────────────────────────────────────────────────

    def _database(self) -> Finding:
        remedy = "check SOP_DATABASE_URL and that PostgreSQL runs"
        try:
            with transaction(self._engine) as connection:
                number, shown = doctor.server_version(connection)
                skew = abs(server_now(connection) - wall_now())
        except DatabaseUnavailable as error:
            cause = str(getattr(error.__cause__, "orig", "")).strip().splitlines()
            return Finding("error", "PostgreSQL", f"does not answer: {cause[0] if cause else error}", remedy)
        except (SQLAlchemyError, SopError) as error:
            return Finding("error", "PostgreSQL", f"does not answer: {type(error).__name__}", remedy)
        if number < OLDEST_POSTGRESQL * 10_000:
            return Finding(
                "error", "PostgreSQL", f"is {shown}; {OLDEST_POSTGRESQL} or newer is needed", "upgrade the server"
            )
        if skew > MOST_SKEW:
            text = f"its clock and this machine's are {skew.total_seconds():.0f} s apart"
            return Finding("warning", "PostgreSQL", f"{shown}; {text}", "let both machines set their clocks by NTP")
        return Finding("ok", "PostgreSQL", shown)

    def _redis(self) -> Finding:
        try:
            info = self._redis_info()
        except Exception as error:  # whatever the client raises, the server is not there
            return Finding(
                "error",
                "Redis",
                f"does not answer: {type(error).__name__}",
                "check SOP_REDIS_URL and that the server runs",
            )
        if "valkey_version" in info:
            return Finding("ok", "Redis", f"Valkey {info['valkey_version']}")
        shown = str(info.get("redis_version", "0"))
        if tuple(int(part) for part in shown.split(".")[:2] if part.isdigit()) < OLDEST_REDIS:
            return Finding("error", "Redis", f"is {shown}; 6.2 or newer is needed", "upgrade the server, or use Valkey")
        return Finding("ok", "Redis", f"Redis {shown}")

    def _schema(self) -> Finding:
        has, needs = schema.current(self._engine), schema.head()
        if has == needs:
            return Finding("ok", "schema", f"version {has}")
        return Finding("error", "schema", f"is {has or 'empty'}, this version needs {needs}", "run `sop db upgrade`")

    # ── definitions and processes ────────────────────────────────────────────────────────────────────────────

    def _definitions(self, connection: Connection) -> Iterator[Finding]:
        definitions = self._current.look(connection)
        if not definitions.generation:
            yield Finding(
                "error", "definitions", "none were ever applied", "run `sop init DIR`, edit, then `sop apply DIR`"
            )
            return
        yield Finding(
            "ok", "definitions", f"generation {definitions.generation}, {_several(len(definitions.sops), 'SOP')}"
        )
        yield from self._calendar(definitions)
        for sop in sorted(definitions.broken):
            text = "is in force and cannot be read by this version: nobody enters, nothing is sent"
            yield Finding(
                "error", f"SOP {sop}", text, "`sop validate` says what is wrong; correct its file and `sop apply`"
            )
        for name, config in sorted(definitions.engine.channels.items()):
            yield self._channel(name, config)

    def _calendar(self, definitions: Definitions) -> Iterator[Finding]:
        now = self._clock.now()
        for said, remedy in holidays.gaps(definitions.engine.calendar, {now.year, (now + _CALENDAR_AHEAD).year}):
            yield Finding("warning", "calendar", said, remedy)

    def _channel(self, name: str, config: Mapping[str, Any]) -> Finding:
        try:
            self._build(name, config)
        except ChannelError as error:
            return Finding("error", f"channel {name}", str(error), "touches of this channel wait until it can be built")
        return Finding("ok", f"channel {name}", str(config.get("type")))

    def _processes(self, connection: Connection) -> Iterator[Finding]:
        last, now = installation.heartbeats(connection), server_now(connection)
        for name, command in PROCESSES.items():
            remedy = f"start `{command}` (or `sop up` for all)"
            if name not in last:
                yield Finding("error", name, "has never shown itself", remedy)
            elif (age := now - last[name]) > SILENT_AFTER:
                yield Finding("error", name, f"has not shown itself for {_span(age)}", remedy)
            else:
                yield Finding("ok", name, f"alive {age.total_seconds():.0f} s ago")

    # ── what is stuck ────────────────────────────────────────────────────────────────────────────────────────

    def _stuck(self, connection: Connection) -> Iterator[Finding]:
        now = self._clock.now()
        yield _waiting_events(doctor.oldest_unmatched(connection), now)
        if (due := doctor.overdue(connection, now)) and now - due.due_at > SILENT_AFTER:
            text = f"{_several(due.number, 'timeline')} due, the oldest for {_span(now - due.due_at)}"
            yield Finding("warning", "planning", text, "is `sop worker plan` running, and fast enough?")
        for pause in pauses.listed(connection):
            what = f"{pause.kind} {pause.name}".strip()
            text = f"paused for {_span(now - pause.since)}, by {pause.who or 'somebody'}: {pause.reason or 'no reason given'}"
            order = {"sop": pause.name, "channel": f"--channel {pause.name}"}.get(pause.kind, "--all")
            yield Finding("warning", what, text, f"`sop resume {order}` when it may go on")
        if dead := doctor.dead_letters(connection):
            text = f"{_several(dead.number, 'dead letter')}; the newest, of customer {dead.subject}: {dead.error[:200]}"
            remedy = f"`sop explain {dead.subject}` shows the event; mend the cause, then `sop dead-letters replay ID`"
            yield Finding("warning", "dead letters", text, remedy)
        for row in doctor.held_back(connection):
            yield _held(row)
        for row in doctor.troubled_touches(connection):
            yield _troubled(row)
        if rejected := doctor.rejected_since(connection, now - timedelta(days=1)):
            text = f"{_several(rejected.number, 'event')} in the last 24 hours; the newest: {rejected.error[:200]}"
            yield Finding("warning", "rejected", text, "`sop events --rejected` shows them; correct what the CRM posts")
        for row in doctor.paused(connection):
            text = f"{row.kind} {row.name}".strip() + f" since {row.since:%Y-%m-%d %H:%M} UTC"
            yield Finding(
                "warning",
                "paused",
                text,
                "nothing of it goes out until it is resumed; what expires meanwhile is skipped",
            )

    def _names(self, connection: Connection) -> Iterator[Finding]:
        definitions: Definitions = self._current.look(connection)
        if not definitions.generation:
            return
        if not seen_names.any_event(connection):
            yield Finding("warning", "events", "none has ever come in", "post one: `sop event tag.added TEST-1 tag=…`")
            return
        for each in never_seen(definitions, seen_names.seen(connection)):
            near = f"; nearest seen: `{each.nearest}`" if each.nearest else ""
            kind = "event type" if each.kind == "event" else each.kind
            remedy = "compare the spelling with the CRM's; `sop events --follow` shows what comes in"
            yield Finding("warning", f"{kind} {each.name}", f"never seen, {_roles(each)}{near}", remedy)


def _waiting_events(row: Any, now: datetime) -> Finding:
    if row is None:
        return Finding("ok", "inbox", "every event is matched")
    age = now - row.received_at
    text = (
        f"{_several(row.number, 'event')} waiting to be matched, the oldest for {_span(age)} (customer {row.subject})"
    )
    return Finding(
        "warning" if age > SILENT_AFTER else "ok",
        "inbox",
        text,
        "is `sop matcher` running?" if age > SILENT_AFTER else None,
    )


def _held(row: Any) -> Finding:
    said = sentence(row.waiting)
    text = f"{_several(row.number, 'timeline')} held back: {said}; e.g. customer {row.customer}: {row.detail or ''}"
    level: Literal["error", "warning"] = "error" if row.waiting == Reason.PLANNING_FAILED else "warning"
    return Finding(level, f"SOP {row.sop}", text, f"`sop explain {row.customer}` shows the step and the value")


def _troubled(row: Any) -> Finding:
    said = sentence(row.reason or row.status)
    text = f"{_several(row.number, 'touch', 'touches')} {row.status}: {said}; e.g. customer {row.customer}: {row.detail or ''}"
    return Finding(
        "warning", f"channel {row.channel}", text, f"`sop log --channel {row.channel} --status {row.status}` lists them"
    )


def _roles(each: NeverSeen) -> str:
    said = ((each.starts, "start on it"), (each.exits, "exit on it"), (each.asks, "ask for it"))
    return ", ".join(
        f"{_several(len(sops), 'SOP')} {_third(what, len(sops))} ({', '.join(sops)})" for sops, what in said if sops
    )


def _third(what: str, number: int) -> str:
    verb, rest = what.split(" ", 1)
    return f"{verb}s {rest}" if number == 1 else what


def _several(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _span(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
