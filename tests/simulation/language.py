"""A second reading of the definition language: times, conditions and moments of definitions that are plain dicts.

Written from the documentation, and on purpose not from `engine.core`, of which nothing is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Truth = bool | None
"""None: unknown."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def span(text: str) -> timedelta:
    return timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])


def many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


# ── times ────────────────────────────────────────────────────────────────────────────────────────────────────


def day_of(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


def at(day: date, clock: str, zone: str) -> datetime:
    """The moment at which clocks show this; a time that is left out when clocks go forward is the first that exists again."""
    local = datetime.fromisoformat(f"{day.isoformat()}T{clock}")
    while True:
        moment = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local:
            return moment
        local += timedelta(minutes=1)


def midnight_after(moment: datetime, days: int, zone: str) -> datetime:
    return at(day_of(moment, zone) + timedelta(days=days), "00:00", zone)


def same_time(moment: datetime, day: date, zone: str) -> datetime:
    """The moment's time of day, on another day."""
    return at(day, moment.astimezone(ZoneInfo(zone)).strftime("%H:%M:%S.%f"), zone)


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────


def every(truths: list[Truth]) -> Truth:
    return False if False in truths else None if None in truths else True


def some(truths: list[Truth]) -> Truth:
    return True if True in truths else None if None in truths else False


def compare(wanted: Any, value: Any) -> Truth:
    """Only numbers and texts are compared here; what is missing is unknown unless it is asked whether it exists."""
    if not isinstance(wanted, dict):
        wanted = {"in": wanted} if isinstance(wanted, list) else {"eq": wanted}
    return every([_one(operator, limit, value) for operator, limit in wanted.items()])


def _one(operator: str, limit: Any, value: Any) -> Truth:
    if operator == "exists":
        return (value is not None) is limit
    if value is None:
        return None
    if operator == "in":
        return value in limit
    return {
        "eq": lambda: value == limit,
        "gt": lambda: value > limit,
        "gte": lambda: value >= limit,
        "lt": lambda: value < limit,
        "lte": lambda: value <= limit,
    }[operator]()


def holds(conditions: list[dict[str, Any]] | None, person: Any, event: dict[str, Any]) -> Truth:
    """Whether all of these hold for a person of the model, whose timeline was started by an event with this data."""
    return every([_holds(each, person, event) for each in conditions or []])


def _holds(condition: dict[str, Any], person: Any, event: dict[str, Any]) -> Truth:
    ((kind, wanted),) = condition.items()
    if kind == "all":
        return every([_holds(each, person, event) for each in wanted])
    if kind == "any":
        return some([_holds(each, person, event) for each in wanted])
    if kind == "not":
        inner = _holds(wanted, person, event)
        return None if inner is None else not inner
    if kind == "tag":
        return any(person.tagged(tag) for tag in many(wanted))
    if kind == "is":
        return every([person.dimension(name) in many(values) for name, values in wanted.items()])
    if kind == "attr":
        return every([compare(limit, person.attribute(name)) for name, limit in wanted.items()])
    if kind == "in_sop":
        return any(line.active and line.sop in many(wanted) for line in person.lines)
    if kind == "event":
        return every([compare(limit, event.get(name)) for name, limit in wanted.items()])
    raise NotImplementedError(kind)


# ── moments ──────────────────────────────────────────────────────────────────────────────────────────────────


def is_moment(moment: dict[str, Any], happened: tuple[str, Any], person: Any) -> bool:
    """Whether what happened, (kind, detail), is the moment that a definition names."""
    kind, detail = happened
    if kind not in moment:
        return False
    wanted = moment[kind]
    if kind in ("tag_added", "tag_removed"):
        if isinstance(wanted, dict):
            return detail in wanted["all"] and all(person.tagged(tag) is (kind == "tag_added") for tag in wanted["all"])
        return detail in many(wanted)
    if kind in ("entered", "left"):
        name, before, now = detail
        here, there = (now, before) if kind == "entered" else (before, now)
        other = wanted.get("from" if kind == "entered" else "to")
        return here in many(wanted.get(name, [])) and (other is None or there in many(other))
    if kind == "replied":
        return "contains" not in wanted or any(word in detail for word in many(wanted["contains"]))
    if kind == "silent":
        return bool(wanted["days"] == detail)
    if kind == "event":
        type_, data = detail
        return wanted["type"] == type_ and all(
            compare(limit, data.get(name)) is True for name, limit in wanted.get("where", {}).items()
        )
    raise NotImplementedError(kind)


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Due:
    """A step, when it is due, when it may go out at the earliest (days off), and when it may no more."""

    step: dict[str, Any]
    due: datetime
    opens: datetime
    limit: datetime

    @property
    def id(self) -> str:
        return str(self.step["id"])


def kind(step: dict[str, Any]) -> str:
    return "message" if "message" in step else "task" if "task" in step else "do"


def exempt(step: dict[str, Any], sop: dict[str, Any]) -> set[str]:
    """What does not hold this step back."""
    return {*many(step.get("exempt", [])), *many(sop.get("exempt", []))}


def _due(step: dict[str, Any], sop: dict[str, Any], anchor: datetime, person: Any) -> datetime | None:
    """When a step is due, None where the date it counts from is not known."""
    if "after" in step:
        return anchor + span(step["after"])
    base = day_of(anchor, person.zone)
    if "from" in step:
        named = person.attribute(step["from"].removeprefix("attr."))
        if named is None:
            return None
        base = date.fromisoformat(named)
    return at(base + timedelta(days=step["day"]), step.get("at") or sop["defaults"]["at"], person.zone)


def schedule(sop: dict[str, Any], anchor: datetime, person: Any) -> list[Due]:
    """The steps in order of when they may go out.

    None goes out later than its expiry, or than a later one that reaches somebody: of several that days off push together
    only the last is left.
    """
    dated: list[tuple[datetime, datetime, dict[str, Any]]] = []
    for step in sop["steps"]:
        due = _due(step, sop, anchor, person)
        if due is not None:
            moved = kind(step) != "do" and "calendar" not in exempt(step, sop)
            dated.append((due, open_day(due, due, person) if moved else due, step))
    dated.sort(key=lambda each: each[0])
    found = []
    for due, opens, step in dated:
        expiry = opens + span(step.get("expires", "36h"))
        later = [other_opens for other_due, other_opens, other in dated if other_due > due and kind(other) != "do"]
        found.append(Due(step, due, opens, min([expiry, *later])))
    return sorted(found, key=lambda each: each.opens)


# ── when customers are left alone ────────────────────────────────────────────────────────────────────────────


def off(day: date, engine: dict[str, Any]) -> bool:
    """Whether nothing goes out on a day: weekends and dates named are all there is here."""
    calendar = engine.get("calendar")
    return calendar is not None and (day.weekday() >= 5 or day.isoformat() in calendar["also"])


def open_day(moment: datetime, due: datetime, person: Any) -> datetime:
    """The moment itself, or on the next day that is not off the time of day it was due."""
    day = day_of(moment, person.zone)
    if not off(day, person.engine):
        return moment
    while off(day, person.engine):
        day += timedelta(days=1)
    return same_time(due, day, person.zone)


def quiet_end(moment: datetime, person: Any) -> datetime | None:
    """When the quiet hours end in which a moment lies; None where it does not."""
    if "quiet_hours" not in person.engine:
        return None
    start, end = person.engine["quiet_hours"]
    clock, day = moment.astimezone(ZoneInfo(person.zone)).strftime("%H:%M"), day_of(moment, person.zone)
    if start < end:
        return at(day, end, person.zone) if start <= clock < end else None
    if clock < end:
        return at(day, end, person.zone)
    return at(day + timedelta(days=1), end, person.zone) if clock >= start else None


def quiet_start(moment: datetime, person: Any) -> datetime | None:
    """When quiet hours begin next."""
    if "quiet_hours" not in person.engine:
        return None
    days = (day_of(moment, person.zone) + timedelta(days=each) for each in range(3))
    return next(start for day in days if (start := at(day, person.engine["quiet_hours"][0], person.zone)) > moment)
