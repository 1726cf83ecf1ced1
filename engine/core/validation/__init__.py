"""What spans the parts of a definition: do the names exist, do kinds fit, can it ever happen?

Every check is a function from a `SopFile` (one SOP and what it is checked against) to problems; the tables below
list them all. The form of each part on its own is the business of `engine.core.definitions`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from engine.core.definitions import EngineConfig, SegmentsConfig, Sop
from engine.core.problems import Problem
from engine.core.validation import (
    conditions,
    engine_config,
    experiments,
    frequency,
    names,
    segments,
    steps,
    texts,
    triggers,
    warnings,
)
from engine.core.validation.files import DefinitionFile, SopFile

ENGINE_CHECKS: tuple[Callable[[EngineConfig], Iterator[Problem]], ...] = (
    engine_config.timezone_exists,
    engine_config.defaults_fit,
    engine_config.roles_once,
    names.caps_exist,
    frequency.caps_matter,
    engine_config.kinds_are_types,
    engine_config.one_lifecycle,
    engine_config.lifecycle_computed,
)
SOP_CHECKS: tuple[Callable[[SopFile], Iterator[Problem]], ...] = (
    steps.ids_once,
    steps.times_whole,
    steps.one_default_time,
    steps.arms_alike,
    steps.fallbacks_lead_on,
    steps.fallbacks_in_time,
    steps.time_to_wait,
    steps.keys_matter,
    steps.channels_given,
    steps.notices_reach,
    steps.from_is_a_date,
    names.channels_exist,
    names.dimensions_exist,
    names.attributes_exist,
    names.attributes_set_exist,
    names.dates_exist,
    names.numbers_exist,
    names.clocks_exist,
    names.roles_exist,
    names.sops_exist,
    conditions.comparisons_fit,
    conditions.patterns_safe,
    conditions.start_is_known,
    triggers.dates_declared,
    triggers.start_only,
    triggers.somebody_chosen,
    triggers.existing_can_be_met,
    triggers.existing_is_let_in,
    experiments.variants_differ,
    experiments.arms_divide,
    experiments.goal_lies_ahead,
    frequency.time_left_by_quiet_hours,
    frequency.room_left_by_caps,
    frequency.welcomes_at_once,
    texts.templates_right,
    texts.attachments_whole,
    warnings.past_on_arrival,
    warnings.before_the_anchor,
    warnings.at_the_same_time,
)

SEGMENTS_CHECKS: tuple[Callable[[segments.Segments], Iterator[Problem]], ...] = (
    segments.set_by_one,
    segments.no_circles,
    segments.about_the_customer,
    segments.patterns_portable,
    segments.everybody_somewhere,
    names.dimensions_exist,
    names.attributes_exist,
    names.numbers_exist,
    names.clocks_exist,
    names.sops_exist,
    conditions.comparisons_fit,
    conditions.patterns_safe,
)


def check(
    engine: EngineConfig,
    sops: Mapping[str, Sop],
    *,
    known_sops: Collection[str] = (),
    segments_config: SegmentsConfig | None = None,
) -> list[Problem]:
    """Return everything wrong in definitions whose form is right; `extra["loc"]` is the way to the place.

    Parameters:
        sops: by the name of the file each stands in, which the problems carry.
        known_sops: ids of SOPs that exist although they are not among `sops`: those whose file has an error.
    """
    known = frozenset((*known_sops, *(sop.sop for sop in sops.values())))
    problems = [problem for each in ENGINE_CHECKS for problem in each(engine)]
    shared = segments_config or SegmentsConfig()
    problems += _checked(SEGMENTS_CHECKS, segments.Segments(segments.SEGMENTS_FILE, engine, shared, known))
    problems += names.ids_once(sops)
    for file, sop in sops.items():
        subject = SopFile(file, engine, shared, known, sop)
        problems += _checked(SOP_CHECKS, subject)
    return [*problems, *warnings.starts_without_key(sops), *warnings.circles(sops)]


_P = TypeVar("_P", bound=DefinitionFile)


def _checked(checks: Sequence[Callable[[_P], Iterator[Problem]]], part: _P) -> list[Problem]:
    return [problem for each in checks for problem in each(part)]
