"""Checks of what delays touches: quiet hours, caps, exemptions, and welcome messages, which cannot wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from engine.core.definitions import Cap, EngineConfig, Gate, QuietHours, Step
from engine.core.problems import Problem
from engine.core.sentence import Listed, Sentence
from engine.core.validation.files import SopFile, problem

WELCOME_WITHIN = timedelta(seconds=20)
"""So soon after a friend was added providers take a welcome message (企业微信: 20 seconds)."""
_ENGINE_FILE = "engine.yaml"


def caps_matter(engine: EngineConfig) -> Iterator[Problem]:
    """A cap that another one reaches first never delays anything."""
    for index, cap in enumerate(engine.caps):
        for other, stricter in enumerate(engine.caps):
            same = cap == stricter
            if (same and other < index) or (not same and _covers(stricter, cap)):
                message = Sentence(
                    "this cap is never reached: `{cap}` allows no more over as many days; remove one of the two",
                    cap=_told(stricter),
                )
                yield problem(_ENGINE_FILE, ("caps", index), message, "warning")
                break


def _covers(stricter: Cap, cap: Cap) -> bool:
    """Return whether one cap is full whenever another one is."""
    return stricter.max <= cap.max and stricter.days >= cap.days and stricter.channel in (None, cap.channel)


def _told(cap: Cap) -> str:
    channel = f", channel: {cap.channel}" if cap.channel else ""
    return f"{{max: {cap.max}, per: {cap.days}d{channel}}}"


def time_left_by_quiet_hours(subject: SopFile) -> Iterator[Problem]:
    """A step whose own time lies in the quiet hours always waits, or always expires."""
    quiet = subject.engine.quiet_hours
    for index, step in enumerate(subject.sop.steps):
        times = _times(subject, step)
        if quiet is None or not times or not _inside(quiet, times) or subject.sop.exempt_from(step, "quiet_hours"):
            continue
        late = _until(times[-1], quiet.end) >= subject.sop.expiry_of(step)
        message = (_TOO_LATE if late else _HELD).with_values(
            step=step.id, times=_between(*times), begin=f"{quiet.start:%H:%M}", end=f"{quiet.end:%H:%M}"
        )
        yield subject.warning(("steps", index, "window" if step.window else "at"), message)


_TOO_LATE = Sentence(
    "step `{step}` is due at {times}, in the quiet hours ({begin} to {end}), and always expires before their end; "
    "give it another time of day, or `exempt: quiet_hours`"
)
_HELD = Sentence(
    "step `{step}` is due at {times}, in the quiet hours ({begin} to {end}), and is always held until {end}; "
    "give it another time of day, or `exempt: quiet_hours`"
)


def _between(first: time, last: time | None = None) -> Sentence:
    if last is None:
        return Sentence.joined((f"{first:%H:%M}",))
    return Sentence("{begin} to {end}", begin=f"{first:%H:%M}", end=f"{last:%H:%M}")


def _times(subject: SopFile, step: Step) -> tuple[time, ...]:
    """Return the time of day of a step that reaches somebody, or begin and end of its window."""
    if step.day is None or step.kind == "do":
        return ()
    window, clock = subject.sop.window_of(step), step.at or subject.sop.defaults.at
    return window or ((clock,) if clock is not None else ())


def _inside(quiet: QuietHours, times: tuple[time, ...]) -> bool:
    """Return whether a time, or all between two, lies in the quiet hours."""
    first, last = times[0], times[-1]
    return quiet.cover(first) and quiet.cover(last) and _until(first, last) < _until(first, quiet.end)


def _until(clock: time, end: time) -> timedelta:
    """Return how long it is from one time of day to the next `end`."""
    day = date(2000, 1, 1)
    return (datetime.combine(day, end) - datetime.combine(day, clock)) % timedelta(days=1)


def room_left_by_caps(subject: SopFile) -> Iterator[Problem]:
    """An SOP whose own messages are more than a cap allows always delays some of them."""
    counted = [
        (step.day, index, step)
        for index, step in enumerate(subject.sop.steps)
        if step.kind == "message"
        and step.day is not None
        and step.from_ is None
        and not step.when
        and not subject.sop.exempt_from(step, "caps")
    ]
    told: set[int] = set()
    for cap in subject.engine.caps:
        within = sorted((each for each in counted if _counts(cap, subject, each[2])), key=lambda each: each[:2])
        for place, (day, index, step) in enumerate(within):
            before = [each for each in within[:place] if each[0] > day - cap.days]
            if len(before) >= cap.max and index not in told:
                told.add(index)
                message = Sentence(
                    "step `{step}` is message {number} of this SOP within {days}d, and the cap "
                    "`{cap}` allows {limit}: it always waits for a day with room, or expires; "
                    "give it another day, raise the cap, or write `exempt: caps`",
                    step=step.id, number=len(before) + 1, days=cap.days, cap=_told(cap), limit=cap.max,
                )  # fmt: skip
                yield subject.warning(("steps", index), message)


def _counts(cap: Cap, subject: SopFile, step: Step) -> bool:
    return cap.channel is None or subject.sop.channels_of(step) == (cap.channel,)


def welcomes_at_once(subject: SopFile) -> Iterator[Problem]:
    """A welcome message goes out right after the friend was added, or not as one."""
    for index, step in enumerate(subject.sop.steps):
        if not step.welcome:
            continue
        if not any(moment.friend_added for moment in subject.sop.trigger):
            message = Sentence("`welcome` is for a new friend; start this SOP by `friend_added`, or remove `welcome`")
            yield subject.warning(("steps", index, "welcome"), message)
        elif step.after is None or step.after > WELCOME_WITHIN:
            message = Sentence(
                "a welcome message is taken only right after the friend was added (within 20 seconds); "
                "write `after: 0s`, or remove `welcome`"
            )
            yield subject.warning(("steps", index, "welcome"), message)
        elif gates := _in_its_way(subject, step):
            message = Sentence(
                "{gates} can hold this welcome message back until it is too late; write `exempt: [{names}]`",
                gates=Listed(tuple(_GATES[each] for each in gates), "and"), names=", ".join(gates),
            )  # fmt: skip
            yield subject.warning(("steps", index, "welcome"), message)


_GATES: dict[Gate, Sentence] = {
    "quiet_hours": Sentence.within("gate", "quiet_hours"),
    "caps": Sentence.within("gate", "caps"),
    "calendar": Sentence.within("gate", "calendar"),
}


def _in_its_way(subject: SopFile, step: Step) -> list[Gate]:
    engine = subject.engine
    configured: tuple[tuple[Gate, object], ...] = (
        ("quiet_hours", engine.quiet_hours), ("caps", engine.caps), ("calendar", engine.calendar),
    )  # fmt: skip
    return [gate for gate, there in configured if there and not subject.sop.exempt_from(step, gate)]
