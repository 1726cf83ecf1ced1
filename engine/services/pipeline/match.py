"""Matching: hints say which customers to look at; their waiting events are applied in inbox order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection

from engine.core.customers.customer import Customer
from engine.core.customers.facts import is_activity
from engine.core.customers.metrics import orders_of
from engine.core.definitions.catalog import DecisionContext
from engine.core.errors import SopError, failure
from engine.core.events.event import ENGINE_SOURCE, Event
from engine.core.matching.match import match
from engine.core.matching.matched import Matched
from engine.core.reasons import Reason
from engine.core.sentence import Sentence
from engine.core.stored_sentence import shortened
from engine.locked_batch import all_or_each, attempt
from engine.ports import Hint
from engine.runtime import Runtime
from engine.store.database import transaction
from engine.store.installation import installation_id
from engine.store.state import customers, inbox, metrics, rescheduling, timelines, touches
from engine.store.state.loading import Needs, load, write

log = structlog.get_logger()

PER_CUSTOMER = 500
"""Events of one customer in one transaction, at most."""
MAX_ATTEMPTS = 5
"""An event that could not be matched so often is set aside as a dead letter."""


@dataclass(slots=True)
class MatchRound:
    """What one round of matching did."""

    events: int = 0
    skipped: list[str] = field(default_factory=list)
    """Customers whom somebody else has locked: their hints go back."""
    again: set[str] = field(default_factory=set)
    """Customers with more to do: engine-made events, or more than fit."""
    due: bool = False
    """Something may be due at once."""

    def add(self, other: MatchRound) -> None:
        """Count another round's work with this one's."""
        self.events += other.events
        self.skipped += other.skipped
        self.again |= other.again
        self.due = self.due or other.due


class Matcher:
    """Matches the events of the customers it is hinted at."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock = runtime.engine, runtime.clock
        self._hints, self._current = runtime.hints, runtime.definitions
        self._id = ""

    def run_once(self, hints: Sequence[Hint]) -> MatchRound:
        """Match what these hints point at, then forget them. Raises DatabaseUnavailable with the hints kept."""
        fresh = list(dict.fromkeys(hint.subject for hint in hints if hint.subject and not hint.careful))
        careful = list(dict.fromkeys(hint.subject for hint in hints if hint.subject and hint.careful))
        done = self._batch(fresh) if fresh else MatchRound()
        for subject in careful:
            done.add(self._carefully(subject))
        done.due = done.due or any(hint.subject is None for hint in hints)
        self._hints.look_at(sorted({*done.skipped, *done.again}))
        self._hints.done([hint.id for hint in hints])
        return done

    def _batch(self, subjects: Sequence[str]) -> MatchRound:
        """Match many customers in one transaction; if that fails, each on their own."""
        parts = all_or_each(
            self._engine,
            lambda connection: self._match(connection, subjects, PER_CUSTOMER),
            lambda: map(self._carefully, subjects),
            "match.batch_failed",
            customers=len(subjects),
        )
        done = MatchRound()
        for part in parts:
            done.add(part)
        return done

    def _carefully(self, subject: str) -> MatchRound:
        """Match one customer event by event. The try is counted, and committed, before it is made."""
        done = MatchRound()
        while True:
            with transaction(self._engine) as connection:
                if not self._lock_one(connection, subject):
                    done.skipped = self._locked_elsewhere(connection, [subject], {})
                    return done
                first = inbox.count_attempt(connection, subject)
            if first is None or not self._try(subject, first.id, first.attempts, done):
                return done

    def _try(self, subject: str, event: int, attempts: int, done: MatchRound) -> bool:
        """Match the customer's first waiting event, or set it aside if it failed too often; return whether to go on with the next."""
        if attempts > MAX_ATTEMPTS:
            return self._set_aside(subject, event, Sentence("the process died each time it was tried"))

        def failed(error: Exception) -> Sentence:
            log.warning("match.event_failed", row=event, attempts=attempts, error=type(error).__name__)
            return failure(error)

        one = attempt(self._engine, lambda connection: self._match(connection, [subject], 1), failed)
        if isinstance(one, Sentence):
            if attempts >= MAX_ATTEMPTS:
                return self._set_aside(subject, event, one)
            done.again.add(subject)
            return False
        done.add(one)
        if one.skipped:
            self._uncount(event)
        return not one.skipped

    def _uncount(self, event: int) -> None:
        """Take back a counted try that was not made because somebody else had locked the customer."""
        with transaction(self._engine) as connection:
            inbox.uncount_attempt(connection, event)

    @staticmethod
    def _lock_one(connection: Connection, subject: str) -> bool:
        customers.add_missing(connection, [subject])
        return bool(customers.lock(connection, [subject]))

    def _set_aside(self, subject: str, event: int, error: Sentence) -> bool:
        now = self._clock.now()
        with transaction(self._engine) as connection:
            if not self._lock_one(connection, subject):
                return False
            if not inbox.is_waiting(connection, event):  # somebody else matched it in between
                return True
            inbox.add_dead_letter(connection, inbox.DeadLetter("event", str(event), subject, error), now)
            inbox.mark_matched(connection, {event: {"reason": Reason.DEAD, "error": shortened(error, 500)}}, now)
        log.error("match.dead_letter", row=event)
        return True

    def _match(self, connection: Connection, subjects: Sequence[str], per_customer: int) -> MatchRound:
        """One deciding transaction: lock, then read, decide, write."""
        now = self._clock.now()
        customers.add_missing(connection, subjects)
        held = customers.lock(connection, subjects)
        waiting = inbox.unmatched(connection, list(held), per_customer)
        done = MatchRound(skipped=self._locked_elsewhere(connection, subjects, held))
        if not waiting:
            return done
        definitions = self._current.read(connection)
        known = load(connection, [held[ref] for ref in waiting], Needs.TOUCHED | Needs.METRICS, definitions)
        if definitions.goals:
            oldest = min(event.time for events in waiting.values() for event in events)
            timelines.load_awaiting_goal(connection, known, oldest)
        self._id = self._id or installation_id(connection)
        matched = [
            one
            for ref, events in waiting.items()
            for one in _match_all(known[held[ref]], events, DecisionContext(definitions, now, self._id))
        ]
        write(connection, known.values())
        touches.add_notices(
            connection, [(held[one.event.subject], each) for one in matched for each in one.notices], now
        )
        rescheduling.mark_for_rescheduling(connection, [held[one.event.subject] for one in matched if one.moved], now)
        _remember(connection, [one.event for one in matched], held)
        made = [event for one in matched for event in one.made]
        done.again = inbox.add_made(connection, made, now) | {
            ref for ref, events in waiting.items() if len(events) == per_customer > 1
        }
        inbox.mark_matched(connection, {one.event.row: one.outcome for one in matched}, now)
        done.events = len(matched)
        done.due = any(
            each.changed and each.active and each.due_at and each.due_at <= now
            for c in known.values()
            for each in c.timelines
        )
        return done

    @staticmethod
    def _locked_elsewhere(connection: Connection, subjects: Sequence[str], held: dict[str, int]) -> list[str]:
        missing = [ref for ref in subjects if ref not in held]
        return sorted(inbox.subjects_waiting(connection, missing)) if missing else []


def _match_all(customer: Customer, events: Sequence[Event], context: DecisionContext) -> list[Matched]:
    """Match a customer's events in order. Raises SopError naming the event at which it failed."""
    matched = []
    for event in events:
        try:
            matched.append(match(customer, event, context))
        except SopError:
            raise
        except Exception as error:
            raise SopError(
                Sentence("event {row} ({type}): {failure}", row=event.row, type=event.type, failure=failure(error))
            ) from error
    return matched


def _remember(connection: Connection, events: Sequence[Event], ids: dict[str, int]) -> None:
    """Keep what metrics are computed from: what customers did, and their orders."""
    done = [event for event in events if event.source != ENGINE_SOURCE and is_activity(event)]
    metrics.log_activities(connection, done, ids)
    metrics.write_orders(connection, orders_of(done).by_order, ids)
