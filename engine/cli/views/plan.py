"""How differences, plans and generations are shown: in words and tables, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from engine.cli.views.output import Column, print_styled, say, table
from engine.core.rollout.diff import Difference
from engine.core.rollout.forecast import LATE, SendTally, VolumeForecast, days_ahead, seconds_to_send
from engine.core.rollout.impact import ExistingForecast, SopForecast
from engine.core.sentence import Sentence
from engine.messages import diff
from engine.messages.conditions import HELD_BY
from engine.messages.plan import EXISTING_MODE, GATE_EFFECT, NONE_ENDS, PLAN_COLUMN, VERSION_CHANGE
from engine.messages.reasons import sentence
from engine.messages.story import StoryFormatter
from engine.services.rollout.plan_apply import Plan
from engine.services.rollout.versions import Generation

_STYLES = {"added": "green", "removed": "red", "changed": "yellow", "text": "dim", "unreadable": "red"}
_STEP_COLUMNS = ("step", "waiting", "to_come", "gets", "moves", "loses", "passed")


# ── differences ──────────────────────────────────────────────────────────────────────────────────────────────


def show_differences(found: Iterable[Difference], words: StoryFormatter, *, whole: bool) -> None:
    """Print what differs, a line for each change. `whole`: of what is new, all that it says."""
    nothing = True
    for each in found:
        nothing = False
        print_styled((diff.summary(each, words), _STYLES[each.kind]))
        if each.kind != "added" or whole:
            for line in diff.lines(each.changes, words):
                print_styled((f"    {line}", ""))
    if nothing:
        say(words.say("no difference"))


def differences_as_dict(found: Iterable[Difference], words: StoryFormatter) -> list[dict[str, Any]]:
    """Return what differs as JSON has it, each change with its words."""
    return [
        {
            "name": each.name, "kind": each.kind, "title": each.title,
            "changes": [
                {"path": "/".join(map(str, change.path)), "kind": change.kind, "before": change.before, "after": change.after,
                 "said": diff.line(change, words)} for change in each.changes
            ],
        }
        for each in found
    ]  # fmt: skip


# ── the plan ─────────────────────────────────────────────────────────────────────────────────────────────────


def show_plan(plan: Plan, words: StoryFormatter) -> None:
    """Print a plan: what changes, what becomes of timelines, who joins, what goes out."""
    show_head(plan, words)
    show_summary(plan, words)
    if plan.existing:
        _title(Sentence("Who meets the trigger of a new SOP already"), words)
        for each in plan.existing:
            _show_existing(each, words)
    if plan.ahead is not None:
        _show_ahead(plan, plan.ahead, words)


def show_head(plan: Plan, words: StoryFormatter) -> None:
    """Print which generation is in force, and which this would be."""
    generation, back = plan.basis.generation, plan.basis.back_to
    phrase = (
        Sentence("nothing was applied yet")
        if not generation
        else Sentence("generation {generation} is in force; the definitions of {back} would come back as {next}")
        if back
        else Sentence("generation {generation} is in force; this would be {next}")
    )
    print_styled((words.say(phrase, generation=generation, next=generation + 1, back=back), "dim"))


def show_summary(plan: Plan, words: StoryFormatter) -> None:
    """Print what changes and what becomes of timelines in flight."""
    _title(Sentence("Changes"), words)
    show_differences(plan.differences, words, whole=False)
    if not plan.basis.generation or not plan.differences:
        return
    _title(Sentence("Timelines in flight"), words)
    if not plan.sops:
        say(words.say("no timeline is in flight in what changes"))
    for each in plan.sops:
        _show_sop(each, words)


def _title(phrase: str, words: StoryFormatter, **values: Any) -> None:
    say("")
    print_styled((words.say(phrase, **values), "bold"))


def _show_sop(forecast: SopForecast, words: StoryFormatter) -> None:
    head = words.say("{sop}: {number} in flight", sop=forecast.sop, number=forecast.in_flight)
    if None in forecast.waiting:
        head = words.say(
            "{said}, {number} of them only wait for their last touches", said=head, number=forecast.waiting[None]
        )
    print_styled((head, "bold"))
    ends = words.say("{number} end: {why}", number=sum(forecast.ends.values()), why=_reasons(forecast.ends, words))
    print_styled((f"  {ends if forecast.ends else words.say(NONE_ENDS)}", "red" if forecast.ends else "dim"))
    _scaled(forecast.customers, forecast.looked_at, words)
    if forecast.steps:
        columns = [Column(words.say(PLAN_COLUMN[name])) for name in _STEP_COLUMNS]
        table(columns, ([getattr(each, name) or "" for name in _STEP_COLUMNS] for each in forecast.steps))


def _show_existing(forecast: ExistingForecast, words: StoryFormatter) -> None:
    print_styled(
        (words.say("{sop}: {number} meet the trigger already", sop=forecast.sop, number=forecast.meet), "bold")
    )
    said = words.say(EXISTING_MODE[forecast.mode], starts=forecast.starts, per_day=forecast.per_day, days=forecast.days)
    print_styled((f"  {said}", "green" if forecast.starts else "dim"))
    if forecast.mode in ("join", "start"):
        if forecast.refused:
            why = _reasons(forecast.refused, words)
            say("  " + words.say("{number} do not enter: {why}", number=sum(forecast.refused.values()), why=why))
        for phrase, steps in (
            (Sentence("they have next: {steps}"), forecast.stand_at),
            (Sentence("past already, not sent: {steps}"), forecast.missed),
        ):
            if steps:
                say("  " + words.say(phrase, steps=words.listed(f"{step} {number}" for step, number in steps.items())))
    _scaled(forecast.customers, forecast.looked_at, words)


def _scaled(customers: int, looked_at: int, words: StoryFormatter) -> None:
    if looked_at < customers:
        print_styled(
            (
                "  "
                + words.say(
                    "scaled up from {looked_at} of {customers} customers", customers=customers, looked_at=looked_at
                ),
                "dim",
            )
        )


def _reasons(numbers: Mapping[str, int], words: StoryFormatter) -> str:
    return _counted({words.told(sentence(code)): number for code, number in numbers.items()}, words)


def _counted(numbers: Mapping[str, int], words: StoryFormatter) -> str:
    if len(numbers) == 1:
        return next(iter(numbers))
    return words.listed(f"{name} {number}" for name, number in numbers.items())


def _show_ahead(plan: Plan, ahead: VolumeForecast, words: StoryFormatter) -> None:
    days = (ahead.until - plan.now).days
    rows = _volume(plan, ahead)
    if not rows:
        _title(Sentence("nothing goes out in the next {days} days"), words, days=days)
        return
    _title(
        Sentence("Going out in the next {days} days ({customers} customers)"),
        words,
        days=days,
        customers=ahead.customers,
    )
    _scaled(ahead.customers, ahead.looked_at, words)
    lines = [[row["day"], row["channel"], row["before"], row["after"], _signed(row)] for row in rows]
    sums = {side: sum(row[side] for row in rows) for side in ("before", "after")}
    lines.append([words.say("total"), "", sums["before"], sums["after"], _signed(sums)])
    names = ("day", "channel", "before", "after", "difference")
    table([Column(words.say(PLAN_COLUMN[name])) for name in names], lines)
    for phrase, _, gate, both in _losses(ahead):
        why = words.say("being overdue already") if gate == LATE else words.say(HELD_BY[gate])
        say("  " + words.say(phrase, why=why, **both))
    for peak in _peaks(plan, ahead):
        said = words.say(
            "{channel}: busiest minute {at}, {number} touches",
            channel=peak["channel"],
            at=words.time(peak["at"]),
            number=peak["number"],
        )
        if peak["seconds"] is not None:
            said = words.say(
                "{said}, at {rate} they take {seconds} s", said=said, rate=peak["rate"], seconds=peak["seconds"]
            )
        say(f"  {said}")
    print_styled(
        ("  " + words.say("without customers whom new events will bring, and as if nothing were paused"), "dim")
    )


def _signed(both: Mapping[str, Any]) -> str:
    return f"{both['after'] - both['before']:+d}" if both["after"] != both["before"] else ""


def _volume(plan: Plan, ahead: VolumeForecast) -> list[dict[str, Any]]:
    """Return what goes out on each day over each channel, both ways; not where nothing does."""
    rows = []
    for day in days_ahead(plan.now, ahead.until, plan.zone):
        for channel in sorted({channel for side in (ahead.before, ahead.after) for _, channel in side.sent}):
            before, after = (round(side.sent.get((day, channel), 0)) for side in (ahead.before, ahead.after))
            if before or after:
                rows.append({"day": day.isoformat(), "channel": channel, "before": before, "after": after})
    return rows


def _losses(ahead: VolumeForecast) -> list[tuple[Sentence, str, str, dict[str, int]]]:
    """Return phrase, name, gate and numbers of what gates hold back and what they cost."""
    found = []
    for name in ("held", "lost"):
        sides: dict[str, Mapping[str, float]] = {
            "before": getattr(ahead.before, name), "after": getattr(ahead.after, name)
        }  # fmt: skip
        for gate in sorted(sides["before"].keys() | sides["after"].keys()):
            both = {side: round(numbers.get(gate, 0)) for side, numbers in sides.items()}
            if any(both.values()):
                found.append((GATE_EFFECT[name], name, gate, both))
    return found


def _peaks(plan: Plan, ahead: VolumeForecast) -> list[dict[str, Any]]:
    """Return the busiest minute of each channel under the new definitions, and how long that takes at the channel's rate."""
    tally: SendTally = ahead.after
    found = []
    for channel in sorted({name for _, name in tally.sent}):
        peak = tally.peak(channel)
        if peak is not None and round(peak[1]):
            rate = plan.engine.channels.get(channel, {}).get("rate")
            seconds = seconds_to_send(peak[1], rate)
            at, number = peak[0], round(peak[1])
            found.append(
                {"channel": channel, "at": at, "number": number, "rate": rate, "seconds": seconds and round(seconds, 1)}
            )
    return found


def plan_as_dict(plan: Plan, words: StoryFormatter) -> dict[str, Any]:
    """Return a plan as JSON has it."""
    found: dict[str, Any] = {
        "at": plan.now,
        "zone": plan.zone,
        "basis": plan.basis.model_dump(),
        "differences": differences_as_dict(plan.differences, words),
        "sops": [
            {**asdict(each), "waiting": {step or "": n for step, n in each.waiting.items()}} for each in plan.sops
        ],
        "existing": [asdict(each) for each in plan.existing],
        "ahead": None,
    }
    if plan.ahead is not None:
        held = {(name, gate): both for _, name, gate, both in _losses(plan.ahead)}
        found["ahead"] = {
            "until": plan.ahead.until, "customers": plan.ahead.customers, "looked_at": plan.ahead.looked_at,
            "volume": _volume(plan, plan.ahead), "peaks": _peaks(plan, plan.ahead),
            **{name: {gate: both for (of, gate), both in held.items() if of == name} for name in ("held", "lost")},
        }  # fmt: skip
    return found


# ── generations ──────────────────────────────────────────────────────────────────────────────────────────────


def generation_said(told: Generation, words: StoryFormatter) -> str:
    """Return what a generation changed, in one line."""
    said = [
        words.say(VERSION_CHANGE[name], names=words.listed(f"{each} v{version}" for each, version in versions.items()))
        for name, versions in (("new", told.new), ("changed", told.changed))
        if versions
    ]
    if told.removed:
        said.append(words.say("removed: {names}", names=words.listed(told.removed)))
    if told.same_as is not None:
        said.append(words.say("the same as {generation}", generation=told.same_as))
    return words.joined(said)
