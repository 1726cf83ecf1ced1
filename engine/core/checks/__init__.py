"""What spans the parts of a definition: do the names exist, do kinds fit, can it ever happen?

Every check is a function from a `Subject` (one SOP and what it is checked against) to problems; the tables below
list them all. The form of each part on its own is the business of `engine.core.definitions`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from engine.core.checks import calendar, conditions, config, likely, names, steps, texts
from engine.core.checks.subject import Subject
from engine.core.definitions import EngineConfig, Sop
from engine.core.problems import Problem

ENGINE_CHECKS: tuple[Callable[[EngineConfig], Iterator[Problem]], ...] = (
    config.timezone_exists,
    config.defaults_fit,
    config.roles_once,
)
SOP_CHECKS: tuple[Callable[[Subject], Iterator[Problem]], ...] = (
    steps.ids_once,
    steps.times_whole,
    steps.channels_given,
    steps.from_is_a_date,
    names.channels_exist,
    names.dimensions_exist,
    names.attributes_exist,
    names.roles_exist,
    names.sops_exist,
    conditions.comparisons_fit,
    conditions.patterns_safe,
    conditions.start_is_known,
    calendar.dates_declared,
    calendar.start_only,
    calendar.somebody_chosen,
    calendar.existing_can_be_met,
    texts.templates_right,
    texts.attachments_whole,
    likely.past_on_arrival,
    likely.before_the_anchor,
    likely.at_the_same_time,
)


def check(engine: EngineConfig, sops: Mapping[str, Sop], *, known_sops: Collection[str] = ()) -> list[Problem]:
    """Return everything wrong in definitions whose form is right; `extra["loc"]` is the way to the place.

    Parameters:
        sops: by the name of the file each stands in, which the problems carry.
        known_sops: ids of SOPs that exist although they are not among `sops`: those whose file has an error.
    """
    known = frozenset((*known_sops, *(sop.sop for sop in sops.values())))
    problems = [problem for each in ENGINE_CHECKS for problem in each(engine)]
    problems += names.ids_once(sops)
    for file, sop in sops.items():
        subject = Subject(file, sop, engine, known)
        problems += [problem for each in SOP_CHECKS for problem in each(subject)]
    return problems + list(likely.circles(sops))
