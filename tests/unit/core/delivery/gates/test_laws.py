"""What holds of every touch, whatever the definitions are and whatever happens, played as simulations are.

Zones, local days and clocks are worked out here with zoneinfo alone, days off and counts from what was generated and what
came out: nothing of the gates' own reckoning is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.customers.customer import Timeline
from engine.core.definitions import Sop, Step
from engine.core.definitions.catalog import Definitions
from engine.core.events.event import Event
from engine.core.playback.played import Playback, Played
from engine.core.playback.run import play
from engine.core.time.days_off import DaysOff
from tests.support.builders import INSTALLATION, NOON, SHANGHAI, a_sop, an_engine, an_event, definitions

CHANGES = {
    "Asia/Shanghai": "2026-03-01 00:00",
    "America/New_York": "2026-03-08 07:00",
    "Europe/London": "2026-10-25 01:00",
    "Australia/Lord_Howe": "2026-10-03 15:30",
    "Asia/Kathmandu": "2026-12-30 00:00",  # no change: the year's end
    "America/Sao_Paulo": "2019-02-17 02:00",  # 23:00 comes twice
    "Africa/Cairo": "2026-04-23 22:00",  # no midnight
    "Pacific/Apia": "2011-12-30 10:00",  # no 30 December
    "America/St_Johns": "2028-02-29 12:00",  # leap day
}
"""Zones, and a moment near which it is hard to be right, in UTC."""

DAYS = 21
"""After so many days everything generated is over: the last step, breaks and expiry."""

_clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
_written = _clocks.map(lambda clock: f"{clock:%H:%M}")
_gates = st.lists(st.sampled_from(["quiet_hours", "caps", "calendar"]), min_size=1, max_size=2, unique=True)

_day = st.integers(0, 3)
_times = st.one_of(
    st.fixed_dictionaries({"day": _day, "at": st.one_of(st.just("10:00"), _written)}),
    st.fixed_dictionaries({"day": _day, "window": st.sampled_from(["01:00-03:30", "09:00-11:30"])}),
    st.fixed_dictionaries({"after": st.sampled_from(["1m", "2h", "9h", "30h"])}),
)
_hello = {"message": {"text": "您好"}}
_deeds = st.sampled_from(
    [
        *(_hello, _hello, _hello, _hello, {**_hello, "channel": "sms"}, {**_hello, "when": [{"tag": "X"}]}),
        *({"message": {"text": "{{ customer.name }}"}}, {"task": {"to": "owner", "title": "回访"}}, {"do": [{"add_tag": "热"}]}),
    ]
)  # fmt: skip
_beside = st.fixed_dictionaries({}, optional={"expires": st.sampled_from(["1h", "5d", "5d"]), "exempt": _gates})


@st.composite
def _sops(draw: st.DrawFn, name: str) -> Sop:
    parts = draw(st.lists(st.tuples(_times, _deeds, _beside), min_size=1, max_size=4))
    steps = [{"id": f"s{place}", **when, **deed, **beside} for place, (when, deed, beside) in enumerate(parts)]
    return a_sop(
        sop=name,
        priority=draw(st.sampled_from([10, 50, 50, 90])),
        trigger=[{"event": {"type": draw(st.sampled_from(["go.one", "go.one", "go.two"]))}}],
        reentry=draw(st.sampled_from(["never", "after_end", "restart"])),
        steps=steps,
        **draw(st.fixed_dictionaries({}, optional={"exempt": _gates})),
    )


_caps = st.lists(
    st.fixed_dictionaries(
        {"max": st.sampled_from([1, 1, 2]), "per": st.sampled_from(["1d", "2d", "7d"])},
        optional={"channel": st.sampled_from(["log", "sms"])},
    ),
    min_size=1,
    max_size=2,
)
_quiet = st.none() | st.just(("21:00", "09:00")) | st.tuples(_written, _written).filter(lambda pair: pair[0] != pair[1])


@dataclass(frozen=True, repr=False)
class World:
    """Everything generated, and what came of it."""

    known: Definitions
    events: list[Event]
    until: datetime
    result: Playback

    def __repr__(self) -> str:
        engine, days = self.known.engine, self.known.days_off
        told = [f"quiet={engine.quiet_hours!r} caps={engine.caps!r} {days!r}"]
        told += [repr(each.sop.model_dump(mode="json", exclude_unset=True)) for each in self.known.sops.values()]
        told += [f"{each.time:%m-%d %H:%M} {each.type} {each.data}" for each in self.events]
        told += [f"{each.at:%m-%d %H:%M} {each.touch.timeline.sop}.{each.touch.step} {each.touch.status} "
                 f"{each.touch.reason} due {each.touch.due_at:%m-%d %H:%M}" for each in self.result.touches]  # fmt: skip
        return "\n".join(told)

    @property
    def out(self) -> list[Played]:
        """Messages and tasks that go out, in order."""
        return [each for each in self.result.touches if each.touch.status == "queued"]

    def zone(self, moment: datetime) -> ZoneInfo:
        """The customer's zone at a moment: what the last event before it said."""
        said = [each.data["timezone"] for each in self.events if "timezone" in each.data and each.received_at <= moment]
        return ZoneInfo(said[-1])

    def local(self, moment: datetime) -> datetime:
        """What the customer's clocks show."""
        return moment.astimezone(self.zone(moment)).replace(tzinfo=None)

    def step(self, played: Played) -> tuple[Sop, Step]:
        sop = self.known.sops[played.touch.timeline.sop].sop
        return sop, next(each for each in sop.steps if each.id == played.touch.step)

    def exempt(self, played: Played, gate: str) -> bool:
        sop, step = self.step(played)
        return gate in (sop.exempt or ()) or gate in (step.exempt or ())

    def quiet(self, clock: time) -> bool:
        """Whether clocks show a quiet hour."""
        hours = self.known.engine.quiet_hours
        if hours is None:
            return False
        if hours.start < hours.end:
            return hours.start <= clock < hours.end
        return clock >= hours.start or clock < hours.end

    def off(self, day: date) -> bool:
        """Whether a day is off."""
        days = self.known.days_off
        return day in days.skipped or (day.weekday() in days.weekend and day not in days.workdays)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    zone_name, change = draw(st.sampled_from(sorted(CHANGES.items())))
    first = datetime.fromisoformat(change).replace(tzinfo=UTC) - timedelta(days=2)
    sops = [draw(_sops(name)) for name in ("alpha", "beta", "gamma")[: draw(st.integers(1, 3))]]
    quiet, caps = draw(_quiet), draw(st.one_of(_caps, _caps, st.just([])))
    engine = an_engine(**({"quiet_hours": quiet} if quiet else {}), caps=caps)
    dates = st.frozensets(st.integers(-1, 9).map(lambda each: first.date() + timedelta(days=each)), max_size=5)
    days_off = DaysOff(draw(dates), frozenset(draw(st.sampled_from([(), (5, 6)]))), draw(dates))
    known = replace(definitions(*sops, engine=engine), days_off=days_off)
    events = [an_event("customer.updated", {"timezone": zone_name}, time=first)]
    kinds = ["go.one", "go.one", "go.two", "go.two", "tag.added", "tag.removed", "customer.updated"]
    for minutes, kind in draw(st.lists(st.tuples(st.integers(1, 4 * 1440), st.sampled_from(kinds)), max_size=6)):
        data = {"tag": "X"} if kind.startswith("tag") else {}
        if kind == "customer.updated":
            data = {"timezone": draw(st.sampled_from(sorted(CHANGES)))}
        events.append(an_event(kind, data, time=first + timedelta(minutes=minutes)))
    events.append(an_event(draw(st.sampled_from(["go.one", "go.two"])), {}, time=first + timedelta(minutes=5)))
    unique = {each.id: each for each in events}
    ordered = sorted(unique.values(), key=lambda each: each.received_at)
    until = first + timedelta(days=DAYS)
    return World(known, ordered, until, play(ordered, known, until, INSTALLATION))


law = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def _name(timeline: Timeline) -> tuple[str, str, str]:
    return timeline.sop, timeline.key, timeline.start_id


def _moments(world: World, played: Played) -> Iterator[datetime]:
    """Moments at which this touch may be sent: the first, the last, and every half hour between."""
    last = min(played.touch.send_before or played.touch.limit, played.at + timedelta(days=5))
    moment = played.at
    while moment < last:
        yield moment
        moment += timedelta(minutes=30)
    yield max(played.at, last - timedelta(seconds=1))


@law
@given(worlds())
def test_never_before_its_time(world: World) -> None:
    """Seen to fail with steps counted from the day before the anchor's."""
    for played in (each for each in world.result.touches if each.touch.status != "skipped"):
        sop, step = world.step(played)
        anchor = played.touch.timeline.anchor
        if step.after is not None:
            assert played.at >= anchor + step.after
            continue
        zone = world.zone(played.at)
        clock = step.window[0] if step.window else step.at or sop.defaults.at
        assert clock is not None
        assert step.day is not None
        wanted = datetime.combine(anchor.astimezone(zone).date() + timedelta(days=step.day), clock)
        shown = played.at.astimezone(zone).replace(tzinfo=None)
        # in an hour that comes twice, clocks may show less although it is later
        assert shown >= wanted or played.at >= wanted.replace(tzinfo=zone).astimezone(UTC)


@law
@given(worlds())
def test_never_in_quiet_hours(world: World) -> None:
    """Neither when it is decided nor as long as it may be sent.

    Seen to fail where the gate did not ask for quiet hours, and where their next start did not end what may be sent.
    """
    for played in (each for each in world.out if not world.exempt(each, "quiet_hours")):
        assert [moment for moment in _moments(world, played) if _quiet_at(world, moment, played)] == []


def _quiet_at(world: World, moment: datetime, played: Played) -> bool:
    return world.quiet(moment.astimezone(world.zone(played.at)).time())


@law
@given(worlds())
def test_never_on_a_day_off(world: World) -> None:
    """Neither when it is decided nor as long as it may be sent.

    Seen to fail without the gate, and where only a day off that begins tomorrow ended what may be sent.
    """
    for played in (each for each in world.out if not world.exempt(each, "calendar")):
        zone = world.zone(played.at)
        assert [moment for moment in _moments(world, played) if world.off(moment.astimezone(zone).date())] == []


@law
@given(worlds())
def test_never_above_a_cap(world: World) -> None:
    """Of what no cap holds, all counts; so each of the others finds room on its day when it is decided.

    Seen to fail where a cap over several days counted one.
    """
    for cap in world.known.engine.caps:
        before: list[date] = []
        for played in (each for each in world.out if each.touch.kind == "message"):
            if cap.channel not in (None, played.touch.channel):
                continue
            today = world.local(played.at).date()
            before.append(today)
            if not world.exempt(played, "caps"):
                assert sum(today - cap.per < day <= today for day in before) <= cap.max


@law
@given(worlds())
def test_a_counted_message_may_be_sent_on_its_day_only(world: World) -> None:
    """Seen to fail where midnight did not end what may be sent."""
    if not world.known.engine.caps:
        return
    for played in (each for each in world.out if each.touch.kind == "message"):
        zone = world.zone(played.at)
        assert {moment.astimezone(zone).date() for moment in _moments(world, played)} == {played.touch.counted_on}


@law
@given(worlds())
def test_never_twice(world: World) -> None:
    """One touch for a step of a timeline, so never two on a local date; and every key once.

    Seen to fail with what had waited planned again, and with keys that leave out the step.
    """
    had = [(_name(each.touch.timeline), each.touch.step) for each in world.result.touches]
    assert len(had) == len(set(had))
    keys = [each.touch.key for each in world.result.touches]
    assert len(keys) == len(set(keys))


@law
@given(worlds())
def test_none_is_lost(world: World) -> None:
    """Every step of a timeline that ran to its end was sent, done, or skipped for a reason; and every timeline ends.

    Seen to fail where what expired left no touch.
    """
    had: dict[tuple[str, str, str], set[str]] = {}
    for played in world.result.touches:
        had.setdefault(_name(played.touch.timeline), set()).add(played.touch.step)
        assert played.touch.status != "skipped" or played.touch.reason
    for _, timeline in world.result.timelines:
        assert not timeline.active
        if timeline.state == "completed":
            steps = {step.id for step in world.known.sops[timeline.sop].sop.steps}
            assert had.get(_name(timeline), set()) == steps


@law
@given(worlds())
def test_never_later_than_its_expiry(world: World) -> None:
    """It counts from the time of day on the first day that is not off.

    Seen to fail with three times the expiry.
    """
    for played in world.out:
        sop, step = world.step(played)
        local = played.touch.due_at.astimezone(world.zone(played.at))
        while world.off(local.date()) and not world.exempt(played, "calendar"):
            local += timedelta(days=1)  # by the clock
        slack = timedelta(hours=1)  # where a time of day does not exist, or twice
        last = (played.touch.send_before or played.touch.limit) - timedelta(seconds=1)
        assert played.at <= last < local.astimezone(UTC) + sop.expiry_of(step) + slack


@law
@given(worlds())
def test_never_after_a_later_step(world: World) -> None:
    """Nobody gets a pile: once a later step that reaches somebody has come, what was due before it is over.

    Seen to fail where only its expiry limited a step.
    """
    if sum(each.type == "customer.updated" for each in world.events) > 1:
        return  # moving to another zone changes what is later
    for played in world.out:
        mine = played.touch
        beside = [each for each in world.result.touches if _name(each.touch.timeline) == _name(mine.timeline)]
        later = [each for each in beside if each.touch.kind != "do" and each.touch.due_at > mine.due_at]
        assert [each.touch.step for each in later if each.at <= played.at] == []


_rivals = st.lists(
    st.tuples(st.integers(0, 99), st.integers(1, 5), st.sampled_from(["08:00", "10:00", "10:30", "19:00"])),
    min_size=2, max_size=6, unique_by=lambda rival: rival[0],
)  # fmt: skip


@law
@given(_rivals, st.integers(1, 2))
def test_priority_decides_who_goes_first_on_a_day(rivals: list[tuple[int, int, str]], most: int) -> None:
    """Whatever the times of day are: each day the highest of those due by then, the others on a later day at their own time.

    Seen to fail where nobody made room for those of higher priority later that day.
    """
    sops = [
        a_sop(
            sop=f"p{priority}", priority=priority, trigger=[{"event": {"type": "go"}}],
            steps=[{"id": "s", "day": day, "at": clock, "message": {"text": "您好"}, "expires": "20d"}],
        )
        for priority, day, clock in rivals
    ]  # fmt: skip
    known = definitions(*sops, engine=an_engine(caps=[{"max": most, "per": "1d"}]))
    result = play([an_event("go", time=NOON)], known, NOON + timedelta(days=DAYS), INSTALLATION)
    shown = {each.touch.timeline.sop: each.at.astimezone(ZoneInfo(SHANGHAI)) for each in result.touches}
    assert {name: f"{at:%d %H:%M}" for name, at in shown.items()} == _by_priority(rivals, most)


def _by_priority(rivals: list[tuple[int, int, str]], most: int) -> dict[str, str]:
    """Return when each goes out: day of the month and time of day; they started on the first."""
    waiting, gone = sorted(rivals, reverse=True), {}
    for today in range(1, DAYS):
        chosen = [each for each in waiting if each[1] <= today][:most]
        gone |= {f"p{priority}": f"{today + 1:02} {clock}" for priority, _, clock in chosen}
        waiting = [each for each in waiting if each not in chosen]
    return gone
