"""The steps of an SOP as `sop why` tells them: when each comes, who stands before it, what became of those who came to it."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.definitions import Sop, Step
from engine.core.explain.sop_report import OutcomeGroup, StepReport
from engine.core.sentence import Sentence


def step_time(step: Step, sop: Sop) -> Sentence:
    """Return when a step comes, as the definition says it: `day 1 10:00`, `after 2h`, `day -3 10:00 from attr.due`."""
    if step.after is not None:
        return Sentence("after {duration}", duration=_duration(step.after.total_seconds()))
    clock = _time_of_day(step, sop)
    day = Sentence("day {day} {at}", day=step.day, at=clock) if clock else Sentence("day {day}", day=step.day)
    return Sentence("{day} from {date}", day=day, date=step.from_) if step.from_ else day


def _time_of_day(step: Step, sop: Sop) -> str:
    window, clock = sop.window_of(step), step.at or sop.defaults.at
    if window:
        return f"{window[0]:%H:%M}-{window[1]:%H:%M}"
    return f"{clock:%H:%M}" if clock else ""


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def step_reports(
    sop: Sop,
    in_flight: Mapping[str | None, list[OutcomeGroup]],
    touches: Mapping[str, list[OutcomeGroup]],
    variants: Mapping[str, dict[str, int]],
    kinds: Mapping[str, str],
) -> list[StepReport]:
    """Return the SOP's steps in their order, then those it had once that touches still tell of.

    Parameters:
        in_flight: the timelines that have a step next, by step; None: those that have none left.
        touches: what became of the touches, by step.
        variants: how many touches each variant had, by step.
        kinds: message, task or do, of steps the SOP no longer has.
    """
    reports = [
        StepReport(
            step.id,
            step.kind,
            step_time(step, sop),
            in_flight.get(step.id, []),
            touches.get(step.id, []),
            variants.get(step.id, {}),
        )
        for step in sop.steps
    ]
    defined = {each.step for each in reports}
    gone = sorted({*touches, *(name for name in in_flight if name)} - defined)
    return reports + [
        StepReport(
            name,
            kinds.get(name, "message"),
            _noticed(name, sop),
            in_flight.get(name, []),
            touches.get(name, []),
            variants.get(name, {}),
        )
        for name in gone
    ]


def _noticed(name: str, sop: Sop) -> Sentence | None:
    """Return the place that sends a notice, None where the SOP has none of that name any more."""
    place, has, _ = name.rpartition(".notify")
    steps = {each.id for each in sop.steps if each.do}
    exits = {f"exit{index}" for index, each in enumerate(sop.exit) if each.do}
    return Sentence("notice of {place}", place=place) if has and place in steps | exits else None
