"""`sop results`: what came of an SOP, by arm, step and variant."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import panels, session
from engine.cli.language import language
from engine.cli.session import AsJson
from engine.cli.views import output
from engine.cli.views.output import Column, as_json, print_styled, say, table
from engine.core.explain.results import Arm, Results, StepResult, VariantResult
from engine.messages.results import ARM, GOAL_EXAMPLE, RESULT_COLUMN, ResultsFormatter

_TONES = {"more": "green", "fewer": "red", "not_enough": "yellow", "within_chance": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=panels.TOUCHES)(results)


def results(
    sop: Annotated[str, typer.Argument(metavar="SOP", help="The SOP's id.")],
    since: Annotated[
        str, typer.Option(help="Timelines started from then on: 30d, 2h, 2026-03-01, or with a time.")
    ] = "30d",
    until: Annotated[
        str | None, typer.Option(help="Timelines started before then; without it, until now.", show_default=False)
    ] = None,
    json_: AsJson = False,
) -> None:
    """Tell what came of an SOP: how many customers reached its goal, treated and held out, by step and variant.

    Every share has its 95% confidence interval, and every difference says whether it is enough to tell.

    Example: sop results renovation-lead --since 90d --until 30d
    """
    parts = session.wiring()
    zone, now = session.zone_of(parts), parts.clock.now()
    begin = session.moment(since, now, zone)
    end = session.moment(until, now, zone) if until else None
    told = parts.results_reporter.results(sop, begin, end)
    if json_:
        as_json(told)
        return
    _print(told, ResultsFormatter(language(), told.timezone))


def _print(told: Results, words: ResultsFormatter) -> None:
    first, *rest = words.head(told)
    print_styled((first, "bold"))
    for each in rest:
        print_styled((f"  {each}", ""))
    for note in told.notes:
        print_styled((f"  ! {words.note(note)}", "yellow"))
        if note.what == "no_goal":
            print_styled((f"      {GOAL_EXAMPLE}", ""))
    if not any(arm.timelines for arm in told.arms):
        print_styled(("  " + words.say("no timeline started in this time"), "yellow"))
        return
    if told.goal is None and not any(arm.rate.converted for arm in told.arms):
        return
    _arms(told, words)
    _throughout(told, words)
    _steps(told, words)
    say("")
    print_styled((words.counted(told), "dim"))


def _arms(told: Results, words: ResultsFormatter) -> None:
    _title(words.say("Overall"))
    names = ["arm", "timelines", "customers", "converted", "rate", "open", "median"]
    table(_columns(names, words), [_arm(each, words) for each in told.arms if each.timelines])
    if told.against_holdout is not None:
        tone = _TONES[told.against_holdout.verdict]
        print_styled((f"  {words.against_holdout(told.against_holdout)}", tone))
    still = sum(each.open for each in told.arms)
    if still:
        print_styled(
            (
                "  "
                + words.say(
                    "{number} customers may convert yet, so rates will rise; "
                    "conclude when the planned number is reached and their time is over",
                    number=still,
                ),
                "yellow",
            )
        )


def _arm(arm: Arm, words: ResultsFormatter) -> list[object]:
    name, rate = words.say(ARM[arm.arm]), arm.rate
    return [name, arm.timelines, rate.customers, rate.converted, words.rate(rate), arm.open, words.median(arm)]


def _throughout(told: Results, words: ResultsFormatter) -> None:
    if not told.arm_variants:
        return
    _title(words.say("Variants throughout (arms: sop)"))
    names = ["variant", "reached", "after", "rate", "against", "tells"]
    table(_columns(names, words), [_variant(each, told.arm_variants, words) for each in told.arm_variants])
    _corrected(told.arm_variants, words)


def _steps(told: Results, words: ResultsFormatter) -> None:
    if not told.steps:
        return
    _title(words.say("Steps and variants"))
    names = ["reached", "after", "rate"]
    compared = any(each.variants for each in told.steps) and not told.arm_variants
    lines = [line for each in told.steps for line in _step(each, compared, words)]
    names = [*names, "against", "tells"] if compared else names
    if output.on_terminal():  # one column for both, to leave room for the figures
        table(
            _columns(["step_name", *names], words), [[f"· {two}" if two else one, *more] for one, two, *more in lines]
        )
    else:
        table(_columns(["step_name", "variant", *names], words), lines)
    if compared:
        _corrected([one for each in told.steps for one in each.variants], words)
    if len(told.steps) > 1:
        print_styled(
            (
                "  "
                + words.say(
                    "steps do not compare with each other: a later one is sent only to those not converted before it"
                ),
                "dim",
            )
        )


def _step(step: StepResult, compared: bool, words: ResultsFormatter) -> list[list[object]]:
    name, rate = step.step if step.defined else words.say("{step} (removed)", step=step.step), step.rate
    whole: list[object] = [name, "", rate.customers, rate.converted, words.rate(rate)]
    variants = [[name, *_variant(each, step.variants, words)] for each in step.variants]
    return [[*whole, "", ""], *variants] if compared else [whole, *(line[:-2] for line in variants)]


def _variant(variant: VariantResult, among: list[VariantResult], words: ResultsFormatter) -> list[object]:
    first = next((each for each in among if not each.by_condition), None)
    rate, against = variant.rate, words.against_first(variant, first) if len(among) > 1 else ("", "")
    return [variant.variant, rate.customers, rate.converted, words.rate(rate), *against]


def _corrected(variants: list[VariantResult], words: ResultsFormatter) -> None:
    number = max((each.against_first.comparisons for each in variants if each.against_first), default=0)
    if number > 1:
        print_styled(
            (
                "  "
                + words.say("differences from the first variant are corrected for {number} comparisons", number=number),
                "dim",
            )
        )


def _columns(names: list[str], words: ResultsFormatter) -> list[Column]:
    return [Column(words.say(RESULT_COLUMN[name])) for name in names]


def _title(text: str) -> None:
    say("")
    print_styled((text, "bold underline"))
