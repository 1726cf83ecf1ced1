"""`sop why`: what an SOP did over a time, and why not more."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import panels, session
from engine.cli.language import language
from engine.cli.session import AsJson
from engine.cli.views.output import Column, as_json, print_beside, print_styled, say, table
from engine.core.explain.sop_report import OutcomeGroup, SopReport, StepReport
from engine.messages.sop_report import REPORT_COLUMN, SopReportFormatter
from engine.services.reports.sop_report import MOST_SAMPLES, Narrowing

_SHOWN = {
    "waiting": ("queued", "sending", "handed"), "sent": ("sent",), "skipped": ("skipped",), "expired": ("expired",),
    "failed": ("failed", "unknown"), "cancelled": ("cancelled",),
}  # fmt: skip
"""Columns of the steps' table, and the statuses each counts."""

_STYLES = {
    "failed": "red",
    "unknown": "red",
    "expired": "yellow",
    "skipped": "yellow",
    "held": "yellow",
    "sent": "green",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=panels.TOUCHES)(why)


def why(
    sop: Annotated[str, typer.Argument(metavar="SOP", help="The SOP's id.")],
    since: Annotated[str, typer.Option(help="From then on: 7d, 2h, 2026-03-01, or with a time.")] = "7d",
    until: Annotated[str | None, typer.Option(help="Before then; without it, until now.", show_default=False)] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only what has this reason, e.g. condition, cap.", show_default=False)
    ] = None,
    step: Annotated[str | None, typer.Option(help="Only this step.", show_default=False)] = None,
    samples: Annotated[int, typer.Option(min=0, max=MOST_SAMPLES, help="So many customers for each reason.")] = 3,
    json_: AsJson = False,
) -> None:
    """Tell what an SOP did over a time: who triggered it, who did not enter and why, what became of each step.

    Example: sop why renovation-lead --since 7d
    """
    parts = session.wiring()
    zone, now = session.zone_of(parts), parts.clock.now()
    begin = session.moment(since, now, zone)
    end = session.moment(until, now, zone) if until else None
    told = parts.sop_reporter.why(sop, begin, end, only=Narrowing(reason, step), samples=samples)
    if json_:
        as_json(told)
        return
    _print(told, SopReportFormatter(language(), told.timezone))


def _print(told: SopReport, words: SopReportFormatter) -> None:
    print_styled((words.head(told), "bold"))
    for each in words.state(told):
        print_styled((f"  {each}", "dim" if told.accepting and not told.paused else "yellow"))
    if told.asked_step or told.asked_reason:
        _narrowed(told, words)
    else:
        print_styled((f"  {words.funnel(told)}", ""))
        if goal := words.goal(told):
            print_styled((f"  {goal}", ""))
    _awaits(told, words)
    _causes(words.say("Not started"), told.refused, words)
    _causes(words.say("Ended"), told.ended, words)
    _steps(told, words)
    if any(cause.samples for cause in _all(told)):
        say("")
        print_styled((words.say("one by one: `sop explain CUSTOMER --sop {sop}`", sop=told.sop), "dim"))


def _narrowed(told: SopReport, words: SopReportFormatter) -> None:
    if told.asked_step:
        print_styled(("  " + words.say("only the step {step}", step=told.asked_step), ""))
    if told.asked_reason:
        print_styled(("  " + words.say("only the reason {reason}", reason=told.asked_reason), ""))
    if not _all(told):
        print_styled(("  " + words.say("nothing of that kind in this time"), "yellow"))


def _all(told: SopReport) -> list[OutcomeGroup]:
    return [*told.refused, *told.ended, *(cause for step in told.steps for cause in (*step.in_flight, *step.touches))]


def _awaits(told: SopReport, words: SopReportFormatter) -> None:
    if not told.awaits:
        return
    say("")
    print_styled((words.say("Nobody triggered it in this time. It waits for:"), "yellow"))
    for each in told.awaits:
        print_styled((f"  {words.awaited(each)}", "bold"))
        for said in words.sightings(each):
            print_styled((f"      {said}", ""))


def _causes(title: str, causes: list[OutcomeGroup], words: SopReportFormatter) -> None:
    if not causes:
        return
    _title(title)
    width = max(len(str(each.number)) for each in causes)
    for each in causes:
        _cause(f"  {each.number:>{width}}  ", each, words)


def _cause(lead: str, cause: OutcomeGroup, words: SopReportFormatter) -> None:
    lines = [(words.cause(cause), ""), (words.samples(cause), "dim")]
    print_beside((lead, _STYLES.get(cause.what, "")), *((text, style) for text, style in lines if text))


def _steps(told: SopReport, words: SopReportFormatter) -> None:
    if not any(each.in_flight or each.touches for each in told.steps):
        return
    _title(words.say("Steps"))
    names = ["step", "when", "next", *_SHOWN]
    columns = [Column(words.say(REPORT_COLUMN[name])) for name in names]
    table(columns, [_line(each, words) for each in told.steps])
    reasons = [(each, cause) for each in told.steps for cause in (*each.in_flight, *each.touches) if _tells(cause)]
    if told.finishing and not (told.asked_step or told.asked_reason):
        print_styled(
            (
                "  "
                + words.say(
                    "{number} more have had every step; their last touches are on their way", number=told.finishing
                ),
                "",
            )
        )
    for each in told.steps:
        if each.variants:
            print_styled((f"  {each.step}  {words.variants(each)}", ""))
    if not reasons:
        return
    _title(words.say("Why"))
    wide, deep = max(len(each.step) for each, _ in reasons), max(len(str(cause.number)) for _, cause in reasons)
    for each, cause in reasons:
        _cause(f"  {each.step:<{wide}}  {cause.number:>{deep}}  ", cause, words)


def _tells(cause: OutcomeGroup) -> bool:
    """Return whether there is more to tell of a cause than its number."""
    return cause.reason is not None or cause.waited is not None or cause.what in ("failed", "unknown", "held")


def _line(step: StepReport, words: SopReportFormatter) -> list[str]:
    to_come = sum(each.number for each in step.in_flight)
    counts = [to_come, *(step.number(*statuses) for statuses in _SHOWN.values())]
    return [step.step, words.when(step), *(str(number) if number else "-" for number in counts)]


def _title(text: str) -> None:
    say("")
    print_styled((text, "bold underline"))
