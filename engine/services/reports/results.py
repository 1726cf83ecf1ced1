"""What came of an SOP: conversions by arm, step and variant, counted in one snapshot, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from engine.adapters.proportions import compare, rate
from engine.core.definitions import Sop, Variant
from engine.core.errors import DefinitionError, NotFound, SopError, did_you_mean
from engine.core.explain.results import (
    CONFIDENCE,
    Arm,
    InForce,
    Note,
    Results,
    StepResult,
    VariantResult,
    changes,
    goal_as_written,
)
from engine.core.sentence import Sentence
from engine.runtime import Runtime
from engine.store.database import Row, transaction
from engine.store.reports import results as store
from engine.store.reports import stories
from engine.store.reports.results import Cohort, Sent

_MOST_VERSIONS = 12
"""So many stretches of time with one version are read, the newest, to tell what changed between them."""

_UTC = "UTC"


@dataclass(frozen=True, slots=True)
class _Told:
    """The SOP that results are told of, as it was defined."""

    cohort: Cohort
    version: int
    sop: Sop | None
    """The newest version; None where this engine cannot read it."""
    timezone: str
    removed_at: datetime | None
    in_force: list[InForce]
    """While the timelines looked at started, oldest first."""

    @property
    def steps(self) -> list[str]:
        """The steps there are, in order."""
        return [step.id for step in self.sop.steps] if self.sop is not None else []

    @property
    def throughout(self) -> bool:
        """Whether a customer has the same variant in every step."""
        return self.sop is not None and self.sop.arms == "sop"

    def variants(self, step: str | None) -> dict[str, Variant]:
        """Return the variants of a step (None: of any) in order, the newest version's first, those no longer defined after."""
        sops = [self.sop, *(each.sop for each in reversed(self.in_force))]
        steps = [each for sop in sops if sop is not None for each in sop.steps if step in (None, each.id)]
        found: dict[str, Variant] = {}
        for variant in (one for each in steps for one in each.variants or ()):
            found.setdefault(variant.id, variant)
        return found


@dataclass(frozen=True, slots=True)
class _Counts:
    """What was counted of a cohort."""

    arms: Sequence[Row]
    sent: Mapping[str, Sequence[Sent]]
    both: int
    """Customers with timelines in both arms."""


class ResultsReporter:
    """Counts what came of SOPs."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock, self._current = runtime.engine, runtime.clock, runtime.definitions

    def results(self, sop: str, since: datetime, until: datetime | None = None) -> Results:
        """Return what came of the SOP's timelines that started from `since` (included) until `until` (not included; None: now).

        Conversions count up to now, whenever the timelines started. A removed SOP is told of by its last version.

        Raises NotFound for an SOP that was never applied, SopError for a time that is empty.
        """
        now = self._clock.now()
        end = until or now
        if since >= end:
            raise SopError(
                Sentence(
                    "the time from {since} to {until} is empty; let `until` lie after `since`",
                    since=since.isoformat(),
                    until=end.isoformat(),
                )
            )
        # What starts in this very moment belongs to it, although the time ends with it.
        cohort = Cohort(sop, since, until or datetime.max.replace(tzinfo=now.tzinfo))
        with transaction(self._engine) as connection:
            stories.begin_snapshot(connection)
            told = self._told(connection, cohort)
            sent = store.sent(connection, cohort, throughout=told.throughout)
            arms = store.arms(connection, cohort, now)
            both = store.in_both_arms(connection, cohort) if len(arms) > 1 else 0
        return _results(told, end, now, _Counts(arms, sent, both))

    def _told(self, connection: Connection, cohort: Cohort) -> _Told:
        had = store.versions(connection, cohort.sop)
        if not had:
            near = did_you_mean(cohort.sop, store.ever_applied(connection))
            raise NotFound(Sentence("no SOP `{sop}` was ever applied.", sop=cohort.sop) + near)
        met = [each for each in had if each.since < cohort.until and (each.until is None or each.until > cohort.since)]
        read = {each.generation: self._read(connection, each.generation, cohort.sop) for each in met[-_MOST_VERSIONS:]}
        newest = had[-1]
        sop, timezone = read.get(newest.generation) or self._read(connection, newest.generation, cohort.sop)
        in_force = [
            InForce(each.version, each.since, read[each.generation][0]) for each in met if each.generation in read
        ]
        return _Told(cohort, newest.version, sop, timezone, newest.until, in_force)

    def _read(self, connection: Connection, generation: int, sop: str) -> tuple[Sop | None, str]:
        """Return the SOP as a generation has it, None where this engine cannot read it; and that generation's zone."""
        try:
            definitions = self._current.load(connection, generation)
        except DefinitionError:
            return None, _UTC
        return definitions.sop(sop), definitions.engine.timezone


def _results(told: _Told, until: datetime, now: datetime, counts: _Counts) -> Results:
    sent = counts.sent
    treated, holdout = (_arm(name, counts.arms) for name in ("treated", "holdout"))
    goal = told.sop.goal if told.sop is not None else None
    steps = _steps(told, sent)
    return Results(
        told.cohort.sop,
        told.sop.title if told.sop is not None else told.cohort.sop,
        told.version,
        told.cohort.since,
        until,
        now,
        told.timezone,
        goal_as_written(goal),
        goal.within.total_seconds() if goal is not None and goal.within is not None else None,
        CONFIDENCE,
        [treated, holdout],
        compare(treated.rate, holdout.rate),
        _compared(_drawn_throughout(told, sent["variant"])) if told.throughout else [],
        steps if told.throughout else _each_compared(steps),
        _notes(told, until, counts.arms, counts.both),
    )


def _arm(name: Literal["treated", "holdout"], arms: Sequence[Row]) -> Arm:
    for row in arms:
        if row.holdout == (name == "holdout"):
            counted = rate(row.converted, row.customers)
            median = float(row.median_seconds) if row.median_seconds is not None else None
            return Arm(name, row.timelines, row.converted_timelines, row.open, counted, median)
    return Arm(name, 0, 0, 0, rate(0, 0), None)


# ── steps and variants ───────────────────────────────────────────────────────────────────────────────────────


def _steps(told: _Told, sent: Mapping[str, Sequence[Sent]]) -> list[StepResult]:
    """Return every step that was sent, in the SOP's order, those no longer defined at the end."""
    order = {step: place for place, step in enumerate(told.steps)}
    return [
        StepResult(
            str(each.step),
            each.step in order,
            rate(each.converted, each.customers),
            _variants(told.variants(each.step), [one for one in sent["step_variant"] if one.step == each.step]),
        )
        for each in sorted(sent["step"], key=lambda each: (order.get(str(each.step), len(order)), str(each.step)))
    ]


def _variants(defined: Mapping[str, Variant], sent: Iterable[Sent]) -> list[VariantResult]:
    order = {variant: place for place, variant in enumerate(defined)}
    return [
        VariantResult(
            str(each.variant),
            each.variant in defined and defined[str(each.variant)].when is not None,
            rate(each.converted, each.customers),
        )
        for each in sorted(sent, key=lambda each: (order.get(str(each.variant), len(order)), str(each.variant)))
    ]


def _drawn_throughout(told: _Told, sent: Iterable[Sent]) -> list[VariantResult]:
    """Return the variants that customers have in every step: those drawn by weight, not those a condition chose."""
    return [each for each in _variants(told.variants(None), sent) if not each.by_condition]


def _each_compared(steps: Sequence[StepResult]) -> list[StepResult]:
    """Compare the variants of each step. All of an SOP's variants are one question, so all comparisons count together."""
    comparisons = sum(max(0, sum(not each.by_condition for each in step.variants) - 1) for step in steps)
    return [replace(step, variants=_compared(step.variants, comparisons)) for step in steps]


def _compared(variants: Sequence[VariantResult], comparisons: int | None = None) -> list[VariantResult]:
    """Compare each variant drawn by weight with the first of them; a condition chooses other customers, so those are left out."""
    drawn = [each for each in variants if not each.by_condition]
    of = comparisons if comparisons is not None else len(drawn) - 1
    return [
        each
        if each.by_condition or each is drawn[0]
        else replace(each, against_first=compare(each.rate, drawn[0].rate, comparisons=of))
        for each in variants
    ]


# ── what to know before believing the figures ────────────────────────────────────────────────────────────────


def _notes(told: _Told, until: datetime, arms: Sequence[Row], both: int) -> list[Note]:
    notes = [Note("removed", told.removed_at)] if told.removed_at is not None else []
    converted = any(row.converted for row in arms)
    if told.sop is None:
        notes.append(Note("unreadable"))
    elif told.sop.goal is None:
        notes.append(Note("goal_gone" if converted else "no_goal"))
    elif not told.sop.holdout and not any(row.holdout for row in arms):
        notes.append(Note("no_holdout"))
    notes += changes(told.in_force, told.cohort.since, until)
    repeated = sum(row.repeated for row in arms)
    if repeated:
        notes.append(Note("repeated", number=repeated))
    if both:
        notes.append(Note("in_both_arms", number=both))
    return notes
