"""Checks of steps: their ids, times and channels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from engine.core.definitions import Sop, Step
from engine.core.problems import Problem
from engine.core.sentence import Sentence, codes
from engine.core.validation.conditions import KINDS
from engine.core.validation.files import SopFile


def ids_once(subject: SopFile) -> Iterator[Problem]:
    """A step's id is its identity, so it stands once."""
    seen: set[str] = set()
    for index, step in enumerate(subject.sop.steps):
        if step.id in seen:
            message = Sentence(
                "the step id `{step}` stands twice; give each step its own (touches are told apart by it)", step=step.id
            )
            yield subject.error(("steps", index, "id"), message)
        seen.add(step.id)


def times_whole(subject: SopFile) -> Iterator[Problem]:
    """A step with `day` has a time of day, its own or the SOP's."""
    for index, step in enumerate(subject.sop.steps):
        timed = step.at or subject.sop.defaults.at or subject.sop.window_of(step)
        if step.day is not None and not timed:
            message = Sentence(
                'step `{step}` has `day` but no time of day; add at: "10:00" or window: "10:00-11:30" to it, '
                'or defaults: {{at: "10:00"}} to the SOP',
                step=step.id,
            )
            yield subject.error(("steps", index, "day"), message, key=True)


def one_default_time(subject: SopFile) -> Iterator[Problem]:
    """The defaults have a time or a window, not both."""
    if subject.sop.defaults.at and subject.sop.defaults.window:
        message = Sentence(
            "`defaults` has `at` and `window`; a window says the time of day itself, remove one of the two"
        )
        yield subject.error(("defaults", "window"), message, key=True)


def arms_alike(subject: SopFile) -> Iterator[Problem]:
    """With `arms: sop` a customer keeps one arm, so the weighted variants of every step are the same."""
    if subject.sop.arms != "sop":
        return
    first: tuple[str, dict[str, int]] | None = None
    for index, step in enumerate(subject.sop.steps):
        weights = {each.id: each.weight for each in step.variants or () if each.when is None}
        if weights and first is None:
            first = step.id, weights
        elif weights and first is not None and weights != first[1]:
            message = Sentence(
                "`arms: sop` keeps a customer in one arm, but step `{step}` has the arms {arms} and step "
                "`{other}` has {others}; give both the same ids and weights, or remove `arms: sop`",
                step=step.id, arms=_arms(weights), other=first[0], others=_arms(first[1]),
            )  # fmt: skip
            yield subject.error(("steps", index, "variants"), message, key=True)


def _arms(weights: dict[str, int]) -> list[Sentence]:
    return [Sentence("{arm} ({weight})", arm=name, weight=weight) for name, weight in weights.items()]


def fallbacks_lead_on(subject: SopFile) -> Iterator[Problem]:
    """What falls back needs a channel to fall back to."""
    for index, step in enumerate(subject.sop.steps):
        if step.fallback_after is not None and len(subject.sop.channels_of(step)) < 2:
            message = Sentence(
                "step `{step}` has `fallback_after` and one channel; list the next one: channel: [wecom, sms]",
                step=step.id,
            )
            yield subject.error(("steps", index, "fallback_after"), message, key=True)
    sop = subject.sop
    if sop.defaults.fallback_after is not None and not any(len(sop.channels_of(step)) > 1 for step in sop.steps):
        message = Sentence(
            "`fallback_after` has nowhere to go on: no step has two channels; list the next one: channel: [wecom, sms]"
        )
        yield subject.error(("defaults", "fallback_after"), message, key=True)


def keys_matter(subject: SopFile) -> Iterator[Problem]:
    """What a step does itself reaches nobody: no channel carries it, no gate delays it."""
    for index, step in enumerate(subject.sop.steps):
        for key in ("channel", "fallback_after", "exempt") if step.kind == "do" else ():
            if getattr(step, key) is not None:
                message = Sentence(
                    "`{key}` has no effect on step `{step}`, which reaches nobody; remove it", key=key, step=step.id
                )
                if key == "channel":
                    message += Sentence("; a notice has a `channel` of its own")
                yield subject.warning(("steps", index, key), message, key=True)


def time_to_wait(subject: SopFile) -> Iterator[Problem]:
    """What expires the moment it is due is never carried out."""
    sop = subject.sop
    if sop.defaults.expires == timedelta():
        message = Sentence(
            "every step expires the moment it is due, and is always skipped; write how long it may wait: 15m, 36h"
        )
        yield subject.error(("defaults", "expires"), message)
    for index, step in enumerate(sop.steps):
        if step.expires == timedelta():
            message = Sentence(
                "step `{step}` expires the moment it is due, and is always skipped; write how long it may wait: 15m, 36h",
                step=step.id,
            )
            yield subject.error(("steps", index, "expires"), message)


def fallbacks_in_time(subject: SopFile) -> Iterator[Problem]:
    """What falls back does so while it may still go out: before it expires, and before the next message or task."""
    for index, step in enumerate(subject.sop.steps):
        after = subject.sop.fallback_of(step)
        if after is None or step.kind == "do" or len(subject.sop.channels_of(step)) < 2:
            continue
        expires, following = subject.sop.expiry_of(step), _until_next(subject.sop, step)
        if after >= min(expires, following):
            written = ("steps", index, "fallback_after") if step.fallback_after else ("defaults", "fallback_after")
            message = _EXPIRES_BEFORE if expires <= following else _NEXT_BEFORE
            yield subject.warning(written, message.with_values(step=step.id))


_EXPIRES_BEFORE = Sentence(
    "step `{step}` never falls back: before that time is over it expires; shorten `fallback_after`, or lengthen `expires`"
)
_NEXT_BEFORE = Sentence(
    "step `{step}` never falls back: before that time is over the next message or task is due; shorten `fallback_after`"
)


def _until_next(sop: Sop, step: Step) -> timedelta:
    """Return how long it is to the next step that reaches somebody, as far as both count from the same; else for ever."""
    begin = _from_anchor(sop, step)
    others = [_from_anchor(sop, each) for each in sop.steps if each.kind != "do" and each.from_ == step.from_]
    both = [each for each in others if each is not None and begin is not None and each[0] == begin[0]]
    return min((each[1] - begin[1] for each in both if begin and each[1] > begin[1]), default=timedelta.max)


def _from_anchor(sop: Sop, step: Step) -> tuple[bool, timedelta] | None:
    """Return whether it counts in days, and how long after the anchor's moment, or midnight, it is due; windows by their begin."""
    if step.after is not None:
        return False, step.after
    window = sop.window_of(step)
    clock = window[0] if window else step.at or sop.defaults.at
    if step.day is None or clock is None:
        return None
    return True, timedelta(days=step.day, hours=clock.hour, minutes=clock.minute)


def channels_given(subject: SopFile) -> Iterator[Problem]:
    """A message or task has at least one channel, its own or the SOP's."""
    for index, step in enumerate(subject.sop.steps):
        if step.kind != "do" and not subject.sop.channels_of(step):
            message = Sentence(
                "step `{step}` goes over no channel; add `channel: …` to it, "
                "or defaults: {{channel: …}} to the SOP. Configured: {names}",
                step=step.id, names=_configured(subject),
            )  # fmt: skip
            yield subject.error(("steps", index, step.kind), message, key=True)


def notices_reach(subject: SopFile) -> Iterator[Problem]:
    """A notice goes over a channel, its own or the SOP's."""
    for loc, action in subject.actions():
        if action.notify is not None and not (action.notify.channel or subject.sop.defaults.channel):
            message = Sentence(
                "this notice goes over no channel; add `channel: …` to it, or defaults: {{channel: …}} to the SOP. "
                "Configured: {names}",
                names=_configured(subject),
            )
            yield subject.error((*loc, "notify"), message, key=True)


def _configured(subject: SopFile) -> object:
    none = Sentence("none yet: add one under `channels` in engine.yaml")
    return codes(subject.engine.channels) or none


def from_is_a_date(subject: SopFile) -> Iterator[Problem]:
    """An attribute that a step counts from is a date."""
    for index, step in enumerate(subject.sop.steps):
        name = step.from_.removeprefix("attr.") if step.from_ and step.from_.startswith("attr.") else None
        declared = subject.engine.attributes.get(name) if name else None
        if declared and declared.type not in ("date", "datetime"):
            attributes = subject.engine.attributes.items()
            dates = codes(f"attr.{each}" for each, attribute in attributes if attribute.type in ("date", "datetime"))
            message = Sentence(
                "`{name}` is declared as {kind}; a step counts from a date or datetime: {names}",
                name=name, kind=KINDS[declared.type], names=dates or Sentence("none is declared"),
            )  # fmt: skip
            yield subject.error(("steps", index, "from"), message)
