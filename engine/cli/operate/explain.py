"""`sop explain`: one customer's story."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import panels, session
from engine.cli.language import language
from engine.cli.session import AsJson
from engine.cli.views.output import as_json, clean, print_beside, print_styled, say
from engine.core.explain.story import StepEntry, Story, WhyNot
from engine.messages.story import StoryFormatter
from engine.services.reports.explain import MOST_EVENTS

_MARKS = {
    "sent": ("✓", "green"), "handed": ("✓", "green"), "failed": ("✗", "red"), "unknown": ("?", "red"), "skipped": ("–", "yellow"),
    "cancelled": ("–", "dim"), "expired": ("–", "yellow"), "undated": ("?", "yellow"), "held": ("!", "yellow"),
}  # fmt: skip
_TO_COME = ("·", "cyan")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=panels.TOUCHES)(explain)


def explain(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id in the CRM.")],
    sop: Annotated[
        str | None, typer.Option(help="Only what concerns this SOP; says what it waits for if nothing does.")
    ] = None,
    why_not: Annotated[
        str | None, typer.Option(help="Why this SOP did not start: what came closest, and whether it would now.")
    ] = None,
    events: Annotated[int, typer.Option(min=1, max=MOST_EVENTS, help="So many of the newest events.")] = 50,
    json_: AsJson = False,
) -> None:
    """Tell one customer's story: what came in, which SOPs it started or not and why, each step sent, skipped or still to come.

    Example: sop explain C1 --sop renovation-lead
    """
    parts = session.wiring()
    story = parts.customer_explainer.explain(customer, sop=why_not or sop, events=events, why_not=why_not is not None)
    if json_:
        as_json(story)
        return
    words = StoryFormatter(language(), story.timezone)
    _head(story, words)
    _events(story, words)
    _timelines(story, words)
    if story.why_not is not None:
        _why_not(story, story.why_not, words)


def _head(story: Story, words: StoryFormatter) -> None:
    facts = [f"{name} {value}" for name, value in story.stands.items()]
    facts.append(words.say("tags {names}", names=words.listed(story.tags)) if story.tags else words.say("no tags"))
    if story.opt_outs:
        facts.append(words.say("opted out of {names}", names=words.listed(story.opt_outs)))
    facts.append(words.say("zone {name}", name=story.timezone))
    print_styled((words.say("Customer {ref}", ref=story.customer), "bold"), ("  ·  " + "  ·  ".join(facts), ""))


def _events(story: Story, words: StoryFormatter) -> None:
    _title(words.say("Events"))
    if story.earlier_events:
        print_styled(("  " + words.say("older events are left out; --events NUMBER shows more"), "dim"))
    for each in story.events:
        print_styled((f"  {words.time(each.time)}  ", ""), (words.event(each), "bold"))
        for said in words.outcome(each):
            print_styled((f"      {said}", _tone(each.matched_at is None, bool(each.decisions))))
    if not story.events:
        print_styled(("  " + words.say("no events"), "dim"))
    if story.rejected_events:
        print_styled(
            (
                "  "
                + words.say(
                    "rejected events: {number}; see `sop events --rejected --customer {ref}`",
                    number=story.rejected_events,
                    ref=story.customer,
                ),
                "yellow",
            )
        )


def _tone(waits: bool, decided: bool) -> str:
    return "yellow" if waits else "" if decided else "dim"


def _timelines(story: Story, words: StoryFormatter) -> None:
    _title(words.say("Timelines"))
    for each in story.timelines:
        print_styled((f"  {words.timeline(each, story.now, story.timezone)}", "bold"))
        reached = [step for step in each.steps if step.status != "unreached"]
        width = max((len(step.step) for step in reached), default=0)
        for step in reached:
            _step(step, width, words)
        if left := [step for step in each.steps if step.status == "unreached"]:
            print_styled((f"    – {words.unreached(left)}", "dim"))
    if story.waits_for:
        print_styled((f"  {words.nothing_to_tell(story)}", "yellow"))
    elif not story.timelines:
        print_styled(("  " + words.say("was never in any SOP"), "dim"))


def _step(step: StepEntry, width: int, words: StoryFormatter) -> None:
    mark, style = _MARKS.get(step.status, _TO_COME)
    print_beside(
        (f"    {mark} {clean(step.step):<{width}}  ", style), (words.step(step), style if style == "dim" else "")
    )


_HOLDS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}


def _why_not(story: Story, why_not: WhyNot, words: StoryFormatter) -> None:
    _title(words.say("Why {sop} did not start", sop=story.asked_title or story.asked))
    for each in why_not.closest:
        print_styled((f"  {each.trigger}", "bold"), (f"  ({each.path})", "dim"))
        for said in words.closest(each, why_not.applied_at):
            print_styled((f"      {said}", ""))
    print_styled((f"  {words.would(why_not.would_start)}", "green" if why_not.would_start.starts else "yellow"))
    for one in why_not.would_start.conditions:
        mark, style = _HOLDS[one.holds]
        print_beside((f"    {mark} ", style), (words.condition_now(one), ""))


def _title(text: str) -> None:
    say("")
    print_styled((text, "bold underline"))
