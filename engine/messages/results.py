"""What came of an SOP, in the words operators read. Never says more than the figures do."""

from __future__ import annotations

from datetime import timedelta

from engine.core.explain.results import Arm, Comparison, Note, Rate, Results, VariantResult
from engine.core.sentence import Sentence
from engine.messages.conditions import ConditionFormatter
from engine.messages.languages import tell
from engine.messages.spans import to_the_minute

_NOTE = {
    "removed": Sentence("the SOP was removed {at}; this is its history"),
    "no_goal": Sentence(
        "the SOP has no goal, so there is nothing to count. Add one (as below) and `sop apply`; counting begins then"
    ),
    "goal_gone": Sentence("the SOP has no goal now; these conversions were counted by that of an earlier version"),
    "goal_changed": Sentence("the goal changed {at}, so the figures mix two; look at one with --since or --until"),
    "holdout_changed": Sentence(
        "the holdout's share changed {at}, so the groups started at different times; look at one side with --since or --until"
    ),
    "variants_changed": Sentence(
        "the variants of step {step} changed {at}, so they were sent at different times; look at one side with --since or --until"
    ),
    "unreadable": Sentence("a version cannot be read by this engine, so what changed in it is not known"),
    "no_holdout": Sentence(
        "there is no comparison group, so nobody knows what would have come of sending nothing; add e.g. `holdout: 10%`"
    ),
    "repeated": Sentence("{number} customers have several timelines; each counts once, as converted if one of them is"),
    "in_both_arms": Sentence("{number} customers are in both groups, since the holdout's share changed"),
    "open": Sentence(
        "{number} customers may convert yet, so rates will rise; conclude when the planned number is reached and their time is over"
    ),
}
"""What to know before believing the figures."""

_VERDICT = {
    "more": Sentence("more of the treated convert, by more than chance explains"),
    "fewer": Sentence("fewer of the treated convert, by more than chance explains"),
    "not_enough": Sentence("too few so far, not enough to tell"),
    "within_chance": Sentence("the difference may be chance, not enough to tell"),
}
"""What the comparison with the holdout tells."""

_SHORT_VERDICT = {
    "more": Sentence("more"),
    "fewer": Sentence("fewer"),
    "not_enough": Sentence("too few to tell"),
    "within_chance": Sentence("not enough to tell"),
}

_HOLDOUT_BARE = Sentence.within("without a ratio", "treated against holdout: {figures}; {verdict}")

ARM = {"treated": Sentence("treated"), "holdout": Sentence("holdout")}

RESULT_COLUMN = {
    "arm": Sentence("group"),
    "timelines": Sentence("timelines"),
    "customers": Sentence("customers"),
    "converted": Sentence.within("column", "converted"),
    "open": Sentence("still open"),
    "rate": Sentence.within("column", "rate"),
    "median": Sentence("median time"),
    "step_name": Sentence("step"),
    "variant": Sentence("variant"),
    "reached": Sentence("sent to"),
    "after": Sentence.within("column after", "converted"),
    "against": Sentence("to the first"),
    "tells": Sentence("tells"),
}

GOAL_EXAMPLE = "goal: {event: {type: purchase}, within: 30d}"
"""What an SOP without a goal might have."""


class ResultsFormatter(ConditionFormatter):
    """Tells what came of an SOP."""

    def head(self, told: Results) -> list[str]:
        """Return which SOP, which time, which goal, and how it is counted."""
        since, until = self.time(told.since), self.time(told.until)
        lines = [
            self.say(
                "{title} ({sop} v{version}), timelines started {since} to {until}",
                title=told.title,
                sop=told.sop,
                version=told.version,
                since=since,
                until=until,
            )
        ]
        if told.goal is not None:
            within = told.goal_within_seconds
            lines.append(
                self.say("goal: {goal}", goal=told.goal)
                if within is None
                else self.say("goal: {goal}, within {within} of the anchor", goal=told.goal, within=self.span(within))
            )
        return lines

    def counted(self, told: Results) -> str:
        """Return what is counted, up to when, and what stands in the brackets."""
        return self.say(
            "customers are counted; conversions up to {now}; in brackets: {confidence}% confidence intervals",
            now=self.time(told.now),
            confidence=round(told.confidence * 100),
        )

    def rate(self, rate: Rate) -> str:
        """Return a share with its interval."""
        if rate.rate is None or rate.low is None or rate.high is None:
            return "-"
        return self.say(
            "{rate} ({low}–{high})", rate=_percent(rate.rate), low=_number(rate.low), high=_percent(rate.high)
        )

    def span(self, seconds: float) -> str:
        """Return a span of time as people say it."""
        return tell(to_the_minute(timedelta(seconds=seconds)), self.language)

    def median(self, arm: Arm) -> str:
        """Return the median time to conversion."""
        return "-" if arm.median_seconds is None else self.span(arm.median_seconds)

    def ratio(self, comparison: Comparison) -> str:
        """Return how many times as many convert, with the interval where there is one."""
        if comparison.ratio is None:
            return self.say("no ratio")
        if comparison.low is None or comparison.high is None:
            return self.say("{ratio}×", ratio=_ratio(comparison.ratio))
        low, high = _ratio(comparison.low), _ratio(comparison.high)
        return self.say("{ratio}× ({low}–{high})", ratio=_ratio(comparison.ratio), low=low, high=high)

    def _p(self, value: float) -> str:
        return (
            self.say("< {p}", p="0.001")
            if value < 0.001
            else self.say("= {p}", p=f"{value:.2g}" if value < 0.1 else f"{value:.2f}")
        )

    def against_holdout(self, comparison: Comparison) -> str:
        """Return how those treated compare with those held out, and what that tells."""
        bare = comparison.ratio is None
        pattern = _HOLDOUT_BARE if bare else Sentence("treated against holdout: {figures}; {verdict}")
        figures = self.say("{said}, p {p}", said=self.ratio(comparison), p=self._p(comparison.p_value))
        return self.say(pattern, figures=figures, verdict=_VERDICT[comparison.verdict])

    def against_first(self, variant: VariantResult, first: VariantResult | None) -> tuple[str, str]:
        """Return how a variant compares with the first, and what that tells."""
        if variant.by_condition:
            return "-", self.say("by condition")
        if variant.against_first is None:
            return "-", self.say("the first") if variant is first else "-"
        return self.ratio(variant.against_first), self.say(_SHORT_VERDICT[variant.against_first.verdict])

    def note(self, note: Note) -> str:
        """Return something to know before believing the figures."""
        at = self.time(note.at) if note.at is not None else ""
        return self.say(_NOTE[note.what], at=at, step=note.step, number=note.number)


def _percent(share: float) -> str:
    return f"{_number(share)}%"


def _number(share: float) -> str:
    """Return hundredths with one digit behind the point, two where there is less than one."""
    shown = share * 100
    return f"{shown:.2f}" if 0 < shown < 1 else f"{shown:.1f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
