"""Checks of moments that the calendar brings (date, schedule), and of taking in those who meet a trigger already."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.errors import did_you_mean
from engine.core.matching import existing_customers
from engine.core.problems import Problem
from engine.core.validation.files import SopFile


def dates_declared(subject: SopFile) -> Iterator[Problem]:
    """A `date` names an attribute that is declared as a date or datetime."""
    declared = subject.engine.attributes
    for loc, moment in subject.moments():
        if moment.date is None:
            continue
        name, place = moment.date.attribute, (*loc, "date", "attribute")
        dates = [each for each, attribute in declared.items() if attribute.type in ("date", "datetime")]
        if name not in declared:
            meant = did_you_mean(name, dates)
            remedy = f"{meant} {'Or declare' if meant else 'Declare'} it under `attributes` in engine.yaml, as date."
            yield subject.error(
                place, f"unknown attribute `{name}`; known dates: {', '.join(dates) or 'none'}.{remedy}"
            )
        elif declared[name].type not in ("date", "datetime"):
            yield subject.error(
                place,
                f"`{name}` is declared as {declared[name].type}; `date` needs a date or datetime: {', '.join(dates) or 'none is declared'}",
            )


def start_only(subject: SopFile) -> Iterator[Problem]:
    """What the calendar brings starts SOPs and ends none."""
    for loc, moment in subject.moments():
        if loc[0] != "trigger" and (moment.date or moment.schedule):
            message = f"`{moment.kind}` only starts SOPs; to end one on a day, give its last step that day, or exit on an event"
            yield subject.error((*loc, moment.kind), message, key=True)


def somebody_chosen(subject: SopFile) -> Iterator[Problem]:
    """A schedule without `when` is for everybody."""
    for loc, moment in subject.moments():
        if moment.schedule and not subject.sop.when:
            message = "every customer enters at each of these times; say who by `when`"
            yield subject.warning((*loc, "schedule"), message)


def existing_can_be_met(subject: SopFile) -> Iterator[Problem]:
    """`existing` needs a trigger that somebody can have met before."""
    if subject.sop.existing != "ignore" and not any(
        existing_customers.lasting(moment) for moment in subject.sop.trigger
    ):
        message = f"nobody can meet this trigger already; `existing` is for {', '.join(existing_customers.LASTING)}"
        yield subject.warning(("existing",), message)


def existing_is_let_in(subject: SopFile) -> Iterator[Problem]:
    """`existing` takes nobody in where nobody is accepted."""
    if subject.sop.existing != "ignore" and not subject.sop.accept:
        message = "`accept: false` lets nobody in, so `existing` does nothing; remove one of the two"
        yield subject.warning(("existing",), message, key=True)
