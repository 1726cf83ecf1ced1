"""The doctor: what is wrong with this installation and with what it sees, each finding with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.adapters import holidays
from engine.clocks import wall_now
from engine.core.definitions.catalog import Definitions
from engine.core.errors import ChannelError, SopError
from engine.core.sentence import Sentence
from engine.core.stored_sentence import shortened
from engine.core.validation.unseen_names import never_seen
from engine.definitions_in_force import CurrentDefinitions
from engine.messages.findings import (
    SILENT_AFTER,
    Finding,
    dead_letters,
    held_back,
    held_by_hand,
    named,
    no_answer,
    said_by,
    scope,
    sops,
    troubled,
    unseen,
    waiting_events,
)
from engine.messages.spans import roughly
from engine.ports import Channel, Clock
from engine.store import installation, schema
from engine.store.clock import server_now
from engine.store.database import DatabaseUnavailable, transaction
from engine.store.reports import doctor, seen_names
from engine.store.state import pauses

OLDEST_POSTGRESQL, OLDEST_REDIS = 14, (6, 2)
MOST_SKEW = timedelta(seconds=5)
PROCESSES = {"matcher": "sop matcher", "plan": "sop worker plan", "send": "sop worker send", "beat": "sop beat"}
"""Each process that shows itself, and the command that starts it."""

_CALENDAR_AHEAD = timedelta(days=60)
"""So long before a year begins, its official days off should be known."""

_PATIENCE = 5
"""Seconds a look may take."""

_POSTGRESQL, _REDIS = Sentence("PostgreSQL"), Sentence("Redis")
_SCHEMA, _DEFINITIONS = Sentence.within("doctor", "schema"), Sentence.within("doctor", "definitions")
_LOOKS = {
    "_definitions": _DEFINITIONS,
    "_processes": Sentence.within("doctor", "processes"),
    "_stuck": Sentence.within("doctor", "stuck"),
    "_names": Sentence.within("doctor", "names"),
}
"""What is looked at, by the name of the method that looks."""


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
            about = _LOOKS[look.__name__]
            said = (
                Sentence("did not answer within {seconds} s", seconds=_PATIENCE)
                if isinstance(error, DBAPIError)
                else said_by(error)
            )
            remedy = Sentence("look again; if it stays so, look at the load of PostgreSQL")
            yield Finding("error", about, said, remedy)

    # ── servers ──────────────────────────────────────────────────────────────────────────────────────────────

    def _database(self) -> Finding:
        remedy = Sentence("check SOP_DATABASE_URL and that PostgreSQL runs")
        try:
            with transaction(self._engine) as connection:
                number, shown = doctor.server_version(connection)
                skew = abs(server_now(connection) - wall_now())
        except DatabaseUnavailable as error:
            cause = str(getattr(error.__cause__, "orig", "")).strip().splitlines()
            why = cause[0] if cause else error.message
            return Finding("error", _POSTGRESQL, Sentence("does not answer: {error}", error=why), remedy)
        except (SQLAlchemyError, SopError) as error:
            return Finding("error", _POSTGRESQL, no_answer(error), remedy)
        if number < OLDEST_POSTGRESQL * 10_000:
            text = Sentence("is {version}; {oldest} or newer is needed", version=shown, oldest=OLDEST_POSTGRESQL)
            return Finding("error", _POSTGRESQL, text, Sentence("upgrade the server"))
        if skew > MOST_SKEW:
            text = Sentence(
                "{version}; its clock and this machine's are {seconds} s apart",
                version=shown,
                seconds=f"{skew.total_seconds():.0f}",
            )
            return Finding("warning", _POSTGRESQL, text, Sentence("let both machines set their clocks by NTP"))
        return Finding("ok", _POSTGRESQL, named(shown))

    def _redis(self) -> Finding:
        try:
            info = self._redis_info()
        except Exception as error:  # whatever the client raises, the server is not there
            remedy = Sentence("check SOP_REDIS_URL and that the server runs")
            return Finding("error", _REDIS, no_answer(error), remedy)
        if "valkey_version" in info:
            return Finding("ok", _REDIS, named(f"Valkey {info['valkey_version']}"))
        shown = str(info.get("redis_version", "0"))
        if tuple(int(part) for part in shown.split(".")[:2] if part.isdigit()) < OLDEST_REDIS:
            text = Sentence("is {version}; {oldest} or newer is needed", version=shown, oldest="6.2")
            return Finding("error", _REDIS, text, Sentence("upgrade the server, or use Valkey"))
        return Finding("ok", _REDIS, named(f"Redis {shown}"))

    def _schema(self) -> Finding:
        has, needs = schema.current(self._engine), schema.head()
        if has == needs:
            return Finding("ok", _SCHEMA, Sentence("version {version}", version=has))
        text = Sentence(
            "is {has}, this version needs {needs}", has=has or Sentence.within("schema", "empty"), needs=needs
        )
        return Finding("error", _SCHEMA, text, Sentence("run `sop db upgrade`"))

    # ── definitions and processes ────────────────────────────────────────────────────────────────────────────

    def _definitions(self, connection: Connection) -> Iterator[Finding]:
        definitions = self._current.look(connection)
        if not definitions.generation:
            remedy = Sentence("run `sop init DIR`, edit, then `sop apply DIR`")
            yield Finding("error", _DEFINITIONS, Sentence("none were ever applied"), remedy)
            return
        generation = Sentence("generation {number}, {sops}", number=definitions.generation, sops=sops(definitions.sops))
        yield Finding("ok", _DEFINITIONS, generation)
        yield from self._calendar(definitions)
        for sop in sorted(definitions.broken):
            text = Sentence("is in force and cannot be read by this version: nobody enters, nothing is sent")
            remedy = Sentence("`sop validate` says what is wrong; correct its file and `sop apply`")
            yield Finding("error", Sentence.within("doctor", "SOP {name}", name=sop), text, remedy)
        for name, config in sorted(definitions.engine.channels.items()):
            yield self._channel(name, config)

    def _calendar(self, definitions: Definitions) -> Iterator[Finding]:
        now = self._clock.now()
        for said, remedy in holidays.gaps(definitions.engine.calendar, {now.year, (now + _CALENDAR_AHEAD).year}):
            yield Finding("warning", Sentence.within("doctor", "calendar"), said, remedy)

    def _channel(self, name: str, config: Mapping[str, Any]) -> Finding:
        try:
            self._build(name, config)
        except ChannelError as error:
            remedy = Sentence("touches of this channel wait until it can be built")
            return Finding("error", Sentence.within("doctor", "channel {name}", name=name), error.message, remedy)
        return Finding("ok", Sentence.within("doctor", "channel {name}", name=name), named(str(config.get("type"))))

    def _processes(self, connection: Connection) -> Iterator[Finding]:
        last, now = installation.heartbeats(connection), server_now(connection)
        for name, command in PROCESSES.items():
            about, remedy = named(name), Sentence("start `{command}` (or `sop up` for all)", command=command)
            if name not in last:
                yield Finding("error", about, Sentence("has never shown itself"), remedy)
            elif (age := now - last[name]) > SILENT_AFTER:
                yield Finding("error", about, Sentence("has not shown itself for {span}", span=roughly(age)), remedy)
            else:
                yield Finding("ok", about, Sentence("alive {seconds} s ago", seconds=f"{age.total_seconds():.0f}"))

    # ── what is stuck ────────────────────────────────────────────────────────────────────────────────────────

    def _stuck(self, connection: Connection) -> Iterator[Finding]:
        now = self._clock.now()
        yield waiting_events(doctor.oldest_unmatched(connection), now)
        if (due := doctor.overdue(connection, now)) and now - due.due_at > SILENT_AFTER:
            text = Sentence.counted(
                "{number:,} timeline due, the oldest for {span}",
                "{number:,} timelines due, the oldest for {span}",
                due.number,
                span=roughly(now - due.due_at),
            )
            remedy = Sentence("is `sop worker plan` running, and fast enough?")
            yield Finding("warning", Sentence.within("doctor", "planning"), text, remedy)
        yield from (held_by_hand(pause, now) for pause in pauses.listed(connection))
        if dead := doctor.dead_letters(connection):
            yield dead_letters(dead)
        for row in doctor.held_back(connection):
            yield held_back(row)
        for row in doctor.troubled_touches(connection):
            yield troubled(row)
        if rejected := doctor.rejected_since(connection, now - timedelta(days=1)):
            text = Sentence.counted(
                "{number:,} event in the last 24 hours; the newest: {error}",
                "{number:,} events in the last 24 hours; the newest: {error}",
                rejected.number,
                error=shortened(rejected.error, 200),
            )
            remedy = Sentence("`sop events --rejected` shows them; correct what the CRM posts")
            yield Finding("warning", Sentence.within("doctor", "rejected"), text, remedy)
        for row in doctor.paused(connection):
            text = Sentence("{what} since {time} UTC", what=scope(row), time=f"{row.since:%Y-%m-%d %H:%M}")
            remedy = Sentence("nothing of it goes out until it is resumed; what expires meanwhile is skipped")
            yield Finding("warning", Sentence.within("doctor", "paused"), text, remedy)

    def _names(self, connection: Connection) -> Iterator[Finding]:
        definitions: Definitions = self._current.look(connection)
        if not definitions.generation:
            return
        if not seen_names.any_event(connection):
            remedy = Sentence("post one: `sop event tag.added TEST-1 tag=…`")
            yield Finding("warning", Sentence.within("doctor", "events"), Sentence("none has ever come in"), remedy)
            return
        for each in never_seen(definitions, seen_names.seen(connection)):
            yield unseen(each)
