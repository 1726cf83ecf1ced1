"""Why an SOP did what it did over a time: counted in one snapshot, told as values (`engine.messages.sop_report` says them)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.core.definitions import Moment, Sop
from engine.core.definitions.catalog import Definitions
from engine.core.errors import NotFound, SopError, did_you_mean
from engine.core.explain.sop_report import (
    Example,
    Group,
    OutcomeGroup,
    Sample,
    SeenEvent,
    SopReport,
    UntriggeredTrigger,
    narrowed,
    outcome_groups,
)
from engine.core.explain.step_report import step_reports
from engine.core.explain.story import triggers_of
from engine.core.explain.untriggered import untriggered
from engine.core.matching.triggers import type_of
from engine.core.reasons import Reason
from engine.core.sentence import Sentence, codes
from engine.runtime import Runtime
from engine.store.database import Row, transaction
from engine.store.reports import sop_report as store
from engine.store.reports import stories

MOST_SAMPLES = 50
"""So many customers are named for each reason, at most."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for, and what all is answered by."""

    connection: Connection
    definitions: Definitions
    sop: Sop
    period: store.Period
    now: datetime
    samples: int


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a report is confined to: a reason, a step."""

    reason: str | None = None
    step: str | None = None


NOT_NARROWED = Narrowing()
"""All of it."""


class SopReporter:
    """Tells what an SOP did over a time, and why."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock, self._current = runtime.engine, runtime.clock, runtime.definitions

    def why(
        self,
        sop: str,
        since: datetime,
        until: datetime | None = None,
        *,
        only: Narrowing = NOT_NARROWED,
        samples: int = 3,
    ) -> SopReport:
        """Return what the SOP did from `since` (included) until `until` (not included; None: now, included).

        Parameters:
            only: tell only what has this reason, and only of this step.
            samples: so many customers for each reason, at most `MOST_SAMPLES`.

        Raises NotFound for an SOP that is not in force, SopError for a time that is empty or a reason or step there is not.
        """
        now = self._clock.now()
        period = store.Period(sop, since, until or now)
        if period.since >= period.until and (until is not None or since > now):
            raise SopError(
                Sentence(
                    "the time from {since} to {until} is empty; let `until` lie after `since`",
                    since=since.isoformat(),
                    until=period.until.isoformat(),
                )
            )
        with transaction(self._engine) as connection:
            stories.begin_snapshot(connection)
            definitions = self._current.look(connection)
            defined = definitions.sop(sop)
            if defined is None:
                broken = (
                    Sentence(" It is in force, but cannot be read by this version: `sop doctor`.")
                    if sop in definitions.broken
                    else Sentence("")
                )
                said = Sentence("no SOP `{sop}` is in force.", sop=sop)
                raise NotFound(said + broken + did_you_mean(sop, definitions.sops))
            _check(defined, only)
            # What is due or decided in this very moment belongs to it, although the time ends with it.
            asked = _Asked(connection, definitions, defined, _closed(period, until), now, min(samples, MOST_SAMPLES))
            return narrowed(_why(asked, period), only.reason, only.step)


def _closed(period: store.Period, until: datetime | None) -> store.Period:
    return (
        period
        if until is not None
        else store.Period(period.sop, period.since, datetime.max.replace(tzinfo=period.until.tzinfo))
    )


def _check(sop: Sop, only: Narrowing) -> None:
    """Raise SopError for a reason that is not in the table, and for a step the SOP does not have."""
    reason, step = only.reason, only.step
    reasons = [each.value for each in Reason]
    if reason is not None and reason not in reasons:
        raise SopError(
            Sentence(
                "no reason `{reason}`.{near} The reasons: {reasons}",
                reason=reason,
                near=did_you_mean(reason, reasons),
                reasons=codes(sorted(reasons)),
            )
        )
    steps = [each.id for each in sop.steps]
    if step is not None and step not in steps:
        raise SopError(
            Sentence(
                "SOP `{sop}` has no step `{step}`.{near} Its steps: {steps}",
                sop=sop.sop,
                step=step,
                near=did_you_mean(step, steps),
                steps=codes(steps),
            )
        )


def _why(asked: _Asked, period: store.Period) -> SopReport:
    sop, connection = asked.sop, asked.connection
    decided = store.decided(connection, asked.period, asked.samples)
    started = sum(row.number for row in decided if row.what == "started")
    refused = outcome_groups(_decisions(asked, [row for row in decided if row.what == "refused"]), asked.samples)
    triggered = started + sum(each.number for each in refused)
    touches = store.touches(connection, asked.period, asked.samples)
    waiting, goals = _in_flight(asked), store.goals(connection, asked.period)
    applied = store.in_force_since(connection, sop.sop)
    return SopReport(
        sop.sop,
        sop.title,
        asked.definitions.sops[sop.sop].version,
        period.since,
        period.until,
        asked.now,
        asked.definitions.engine.timezone,
        applied.present if applied else None,
        applied.first if applied else None,
        _pauses(asked),
        sop.accept,
        triggered,
        started,
        goals.holdout,
        sop.goal is not None,
        goals.converted,
        refused,
        sum(each.number for group in waiting.values() for each in group),
        sum(each.number for each in waiting.get(None, ())),
        _ended(asked),
        step_reports(
            sop, waiting, _touches(asked, touches), _variants(touches), {row.step: row.kind for row in touches}
        ),
        _awaits(asked) if not triggered else [],
    )


def _pauses(asked: _Asked) -> list[str]:
    """Return the pauses that hold the SOP, or a channel that one of its steps uses."""
    found = stories.pauses(asked.connection)
    used = {name for step in asked.sop.steps for name in asked.sop.channels_of(step)}
    return [
        *("all" for _ in found["all"]),
        *("sop" for name in found["sop"] if name == asked.sop.sop),
        *(f"channel {name}" for name in sorted(found["channel"] & used)),
    ]


# ── counted groups as causes ─────────────────────────────────────────────────────────────────────────────────


def _decisions(asked: _Asked, counted: Sequence[Row]) -> list[Group]:
    found = store.decisions(asked.connection, [id_ for row in counted for id_ in row.newest])
    return [
        Group(row.what, row.reason, row.detail, row.number, [_refusal(found[id_], asked.sop.sop) for id_ in row.newest])
        for row in counted
    ]


def _refusal(event: Row, sop: str) -> Example:
    entry = next(each for each in event.outcome["refused"] if each["sop"] == sop)
    return Example(event.subject, event.at, entry.get("detail"), entry.get("trace"))


def _touches(asked: _Asked, counted: Sequence[Row]) -> dict[str, list[OutcomeGroup]]:
    found = store.touched(asked.connection, [id_ for row in counted for id_ in row.newest])
    by_step: dict[str, list[Group]] = {}
    for row in counted:
        examples = [found[id_] for id_ in row.newest]
        group = Group(
            row.status, row.reason, row.detail, row.number,
            [Example(each.subject, each.at, each.detail, each.trace if row.paths is not None else None) for each in examples],
            row.waited,
        )  # fmt: skip
        by_step.setdefault(row.step, []).append(group)
    return {step: outcome_groups(groups, asked.samples) for step, groups in by_step.items()}


def _variants(counted: Sequence[Row]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in counted:
        if row.variant is not None:
            of_step = found.setdefault(row.step, {})
            of_step[row.variant] = of_step.get(row.variant, 0) + row.number
    return found


def _in_flight(asked: _Asked) -> dict[str | None, list[OutcomeGroup]]:
    by_step: dict[str | None, list[OutcomeGroup]] = {}
    for row in store.in_flight(asked.connection, asked.sop.sop, asked.now, asked.samples):
        what = "held" if row.waiting is not None and not row.ahead else "due" if row.due else "planned"
        samples = [Sample(ref) for ref in row.customers]
        one = OutcomeGroup(what, row.number, row.waiting, row.detail, samples=samples, first=row.first)
        by_step.setdefault(row.next_step, []).append(one)
    return by_step


def _ended(asked: _Asked) -> list[OutcomeGroup]:
    return [
        OutcomeGroup(row.state, row.number, row.reason, row.detail, samples=[Sample(ref) for ref in row.customers])
        for row in store.ended(asked.connection, asked.period, asked.samples)
    ]


# ── an SOP nobody triggered ──────────────────────────────────────────────────────────────────────────────────


def _awaits(asked: _Asked) -> list[UntriggeredTrigger]:
    """Return what the triggers wait for, and what came in like it."""
    types = {row.name: _sighting(row) for row in store.types_seen(asked.connection, asked.period, asked.samples)}
    kinds = sorted({kind for each in asked.sop.trigger if each.names and (kind := type_of(each))})
    by_type = {
        kind: [_sighting(row) for row in store.names_seen(asked.connection, kind, asked.period, asked.samples)]
        for kind in kinds
    }
    already = {
        index: number
        for index, each in enumerate(asked.sop.trigger)
        if (number := _already(asked.connection, each)) is not None
    }
    return untriggered(asked.sop, triggers_of(asked.sop), by_type, types, already)


def _sighting(row: Row) -> SeenEvent:
    return SeenEvent(row.name, row.number, row.idle, row.last, list(row.customers))


def _already(connection: Connection, moment: Moment) -> int | None:
    """Return how many customers meet a trigger from before, None where it leaves nothing that lasts."""
    if moment.tag_added:
        return store.tagged(connection, moment.names)
    if moment.entered:
        return store.standing(connection, moment.entered.dimension, moment.entered.values)
    if moment.silent:
        return store.silent(connection, moment.silent.clock, moment.silent.days)
    return store.dated(connection, moment.date.attribute) if moment.date else None
