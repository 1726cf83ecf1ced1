"""Checks of moments that the calendar brings (date, schedule), and of taking in those who meet a trigger already."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.errors import did_you_mean
from engine.core.matching import existing_customers
from engine.core.problems import Loc, Problem
from engine.core.sentence import Sentence, codes
from engine.core.validation.conditions import KINDS
from engine.core.validation.files import SopFile


def dates_declared(subject: SopFile) -> Iterator[Problem]:
    """A `date` names an attribute that is declared as a date or datetime."""
    for loc, moment in subject.moments():
        if moment.date is not None:
            yield from _date(subject, moment.date.attribute, (*loc, "date", "attribute"))


def _date(subject: SopFile, name: str, place: Loc) -> Iterator[Problem]:
    declared = subject.engine.attributes
    dates = [each for each, attribute in declared.items() if attribute.type in ("date", "datetime")]
    if name not in declared:
        meant = did_you_mean(name, dates)
        remedy = _DECLARE if not meant else Sentence("{hint}{remedy}", hint=meant, remedy=_OR_DECLARE)
        message = Sentence(
            "unknown attribute `{name}`; known dates: {names}.{remedy}",
            name=name, names=codes(dates) or Sentence("none"), remedy=remedy,
        )  # fmt: skip
        yield subject.error(place, message)
    elif declared[name].type not in ("date", "datetime"):
        message = Sentence(
            "`{name}` is declared as {kind}; `date` needs a date or datetime: {names}",
            name=name, kind=KINDS[declared[name].type], names=codes(dates) or Sentence("none is declared"),
        )  # fmt: skip
        yield subject.error(place, message)


_DECLARE = Sentence(" Declare it under `attributes` in engine.yaml, as date.")
_OR_DECLARE = Sentence(" Or declare it under `attributes` in engine.yaml, as date.")


def start_only(subject: SopFile) -> Iterator[Problem]:
    """What the calendar brings starts SOPs and ends none."""
    for loc, moment in subject.moments():
        if loc[0] != "trigger" and (moment.date or moment.schedule):
            message = Sentence(
                "`{kind}` only starts SOPs; to end one on a day, give its last step that day, or exit on an event",
                kind=moment.kind,
            )
            yield subject.error((*loc, moment.kind), message, key=True)


def somebody_chosen(subject: SopFile) -> Iterator[Problem]:
    """A schedule without `when` is for everybody."""
    for loc, moment in subject.moments():
        if moment.schedule and not subject.sop.when:
            message = Sentence("every customer enters at each of these times; say who by `when`")
            yield subject.warning((*loc, "schedule"), message)


def existing_can_be_met(subject: SopFile) -> Iterator[Problem]:
    """`existing` needs a trigger that somebody can have met before."""
    if subject.sop.existing != "ignore" and not any(
        existing_customers.lasting(moment) for moment in subject.sop.trigger
    ):
        message = Sentence(
            "nobody can meet this trigger already; `existing` is for {names}", names=codes(existing_customers.LASTING)
        )
        yield subject.warning(("existing",), message)


def existing_is_let_in(subject: SopFile) -> Iterator[Problem]:
    """`existing` takes nobody in where nobody is accepted."""
    if subject.sop.existing != "ignore" and not subject.sop.accept:
        message = Sentence("`accept: false` lets nobody in, so `existing` does nothing; remove one of the two")
        yield subject.warning(("existing",), message, key=True)
