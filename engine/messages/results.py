"""What came of an SOP, in the words operators read: Chinese or English. Never says more than the figures do."""

from __future__ import annotations

from engine.core.explain.results import Arm, Comparison, Note, Rate, Results, VariantResult
from engine.messages.catalog import PHRASES
from engine.messages.conditions import ConditionFormatter
from engine.messages.reasons import Sentence

RESULT_PHRASES: dict[str, Sentence] = {
    "results_head": Sentence(
        "{title}（{sop} v{version}），{since} 至 {until} 开始的时间线",
        "{title} ({sop} v{version}), timelines started {since} to {until}",
    ),
    "goal": Sentence("目标：{goal}", "goal: {goal}"),
    "goal_within": Sentence("目标：{goal}，起点后 {within}内", "goal: {goal}, within {within} of the anchor"),
    "counted": Sentence(
        "按客户计，转化统计到 {now}；括号内为 {confidence}% 置信区间",
        "customers are counted; conversions up to {now}; in brackets: {confidence}% confidence intervals",
    ),
    "nobody_yet": Sentence("这段时间没有时间线开始", "no timeline started in this time"),
    # headings
    "arms_title": Sentence("总体", "Overall"),
    "throughout_title": Sentence("全程变体（arms: sop）", "Variants throughout (arms: sop)"),
    "by_step_title": Sentence("步骤与变体", "Steps and variants"),
    "col_arm": Sentence("组", "group"),
    "col_timelines": Sentence("时间线", "timelines"),
    "col_customers": Sentence("客户", "customers"),
    "col_converted": Sentence("已转化", "converted"),
    "col_open": Sentence("仍可转化", "still open"),
    "col_rate": Sentence("转化率", "rate"),
    "col_median": Sentence("用时中位数", "median time"),
    "col_step_name": Sentence("步骤", "step"),
    "col_variant": Sentence("变体", "variant"),
    "col_reached": Sentence("发到客户", "sent to"),
    "col_after": Sentence("之后转化", "converted"),
    "col_against": Sentence("与首个变体相比", "to the first"),
    "col_tells": Sentence("判断", "tells"),
    "arm_treated": Sentence("执行组", "treated"),
    "arm_holdout": Sentence("对照组", "holdout"),
    # figures
    "rate": Sentence("{rate}（{low}–{high}）", "{rate} ({low}–{high})"),
    "times_as_many": Sentence("{ratio} 倍（{low}–{high}）", "{ratio}× ({low}–{high})"),
    "times_bare": Sentence("{ratio} 倍", "{ratio}×"),
    "no_ratio": Sentence("无倍数", "no ratio"),
    "p_value": Sentence("{said}，p {p}", "{said}, p {p}"),
    "p_below": Sentence("< {p}", "< {p}"),
    "p_is": Sentence("= {p}", "= {p}"),
    "days_hours": Sentence("{days} 天 {hours} 小时", "{days}d {hours}h"),
    "hours_minutes": Sentence("{hours} 小时 {minutes} 分", "{hours}h {minutes}m"),
    "minutes": Sentence("{minutes} 分", "{minutes}m"),
    "under_a_minute": Sentence("不到 1 分", "< 1m"),
    "gone": Sentence("{step}（已移除）", "{step} (removed)"),
    "chosen": Sentence("由条件选出", "by condition"),
    "the_first": Sentence("基准", "the first"),
    "short_more": Sentence("更多", "more"),
    "short_fewer": Sentence("更少", "fewer"),
    "short_not_enough": Sentence("样本不足", "too few to tell"),
    "short_within_chance": Sentence("不足以判断", "not enough to tell"),
    # what the comparison with the holdout tells
    "holdout_compared": Sentence("执行组转化率为对照组的 {figures}；{verdict}", "treated against holdout: {figures}; {verdict}"),
    "holdout_bare": Sentence("执行组与对照组相比：{figures}；{verdict}", "treated against holdout: {figures}; {verdict}"),
    "verdict_more": Sentence("执行组的转化更多，超出偶然范围", "more of the treated convert, by more than chance explains"),
    "verdict_fewer": Sentence("执行组的转化更少，超出偶然范围", "fewer of the treated convert, by more than chance explains"),
    "verdict_not_enough": Sentence("样本太少，还不足以判断", "too few so far, not enough to tell"),
    "verdict_within_chance": Sentence("差异可能只是偶然，不足以判断", "the difference may be chance, not enough to tell"),
    "variants_more_exist": Sentence(
        "与首个变体的差异按 {number} 次比较校正", "differences from the first variant are corrected for {number} comparisons"
    ),
    "steps_are_no_causes": Sentence(
        "步骤之间不可相互比较：后面的步骤只发给之前还没有转化的客户",
        "steps do not compare with each other: a later one is sent only to those not converted before it",
    ),
    # what to know before believing the figures
    "note_removed": Sentence(
        "此 SOP 已于 {at} 移除，这里是它的历史", "the SOP was removed {at}; this is its history"
    ),
    "note_no_goal": Sentence(
        "此 SOP 没有目标，无法统计转化。在定义中加上目标（见下例），再 sop apply；从那时起开始统计",
        "the SOP has no goal, so there is nothing to count. Add one (as below) and `sop apply`; counting begins then",
    ),
    "note_goal_gone": Sentence(
        "此 SOP 现在没有目标；这里的转化是按之前版本的目标统计的",
        "the SOP has no goal now; these conversions were counted by that of an earlier version",
    ),
    "note_goal_changed": Sentence(
        "目标在 {at} 改过，数字混合了两个目标；用 --since 或 --until 只看其中一段",
        "the goal changed {at}, so the figures mix two; look at one with --since or --until",
    ),
    "note_holdout_changed": Sentence(
        "对照组比例在 {at} 改过，前后不宜合并比较；用 --since 或 --until 只看其中一段",
        "the holdout's share changed {at}, so the groups started at different times; look at one side with --since or --until",
    ),
    "note_variants_changed": Sentence(
        "步骤 {step} 的变体在 {at} 改过，前后不宜合并比较；用 --since 或 --until 只看其中一段",
        "the variants of step {step} changed {at}, so they were sent at different times; look at one side with --since or --until",
    ),
    "note_unreadable": Sentence(
        "有的版本本引擎读不了，看不出其中改了什么", "a version cannot be read by this engine, so what changed in it is not known"
    ),
    "note_no_holdout": Sentence(
        "没有对照组，看不出不发送会怎样；在定义中加上例如 holdout: 10%",
        "there is no comparison group, so nobody knows what would have come of sending nothing; add e.g. `holdout: 10%`",
    ),
    "note_repeated": Sentence(
        "{number} 位客户有不止一条时间线；每位只计一次，其中任一条转化即算转化",
        "{number} customers have several timelines; each counts once, as converted if one of them is",
    ),
    "note_in_both_arms": Sentence(
        "{number} 位客户两组都有，因为对照组比例改过", "{number} customers are in both groups, since the holdout's share changed"
    ),
    "note_open": Sentence(
        "{number} 位客户仍可转化，转化率还会上升；达到预定人数、目标时间都过去之后再下结论",
        "{number} customers may convert yet, so rates will rise; conclude when the planned number is reached and their time is over",
    ),
}  # fmt: skip


GOAL_EXAMPLE = "goal: {event: {type: purchase}, within: 30d}"
"""What an SOP without a goal might have."""


class ResultsFormatter(ConditionFormatter):
    """Tells what came of an SOP."""

    def say(self, phrase: str, **values: object) -> str:
        """Return a phrase, filled in: one of results, else one that stories share."""
        found = RESULT_PHRASES.get(phrase) or PHRASES[phrase]
        return (found.zh if self.language == "zh" else found.en).format(**values)

    def head(self, told: Results) -> list[str]:
        """Return which SOP, which time, which goal, and how it is counted."""
        since, until = self.time(told.since), self.time(told.until)
        lines = [
            self.say("{title} ({sop} v{version}), timelines started {since} to {until}", title=told.title, sop=told.sop, version=told.version, since=since, until=until)
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
        return self.say("customers are counted; conversions up to {now}; in brackets: {confidence}% confidence intervals", now=self.time(told.now), confidence=round(told.confidence * 100))

    def rate(self, rate: Rate) -> str:
        """Return a share with its interval."""
        if rate.rate is None or rate.low is None or rate.high is None:
            return "-"
        return self.say("{rate} ({low}–{high})", rate=_percent(rate.rate), low=_number(rate.low), high=_percent(rate.high))

    def span(self, seconds: float) -> str:
        """Return a span of time as people say it."""
        minutes = round(seconds / 60)
        if minutes < 1:
            return self.say("< 1m")
        days, hours = divmod(minutes // 60, 24)
        if days:
            return self.say("{days}d {hours}h", days=days, hours=hours) if hours else self._days(days)
        return (
            self.say("{hours}h {minutes}m", hours=hours, minutes=minutes % 60)
            if hours
            else self.say("{minutes}m", minutes=minutes)
        )

    def _days(self, days: int) -> str:
        return f"{days} 天" if self.language == "zh" else f"{days}d"

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
        phrase = "holdout_bare" if comparison.ratio is None else "holdout_compared"
        figures = self.say("{said}, p {p}", said=self.ratio(comparison), p=self._p(comparison.p_value))
        return self.say(phrase, figures=figures, verdict=self.say(f"verdict_{comparison.verdict}"))

    def against_first(self, variant: VariantResult, first: VariantResult | None) -> tuple[str, str]:
        """Return how a variant compares with the first, and what that tells."""
        if variant.by_condition:
            return "-", self.say("by condition")
        if variant.against_first is None:
            return "-", self.say("the first") if variant is first else "-"
        return self.ratio(variant.against_first), self.say(f"short_{variant.against_first.verdict}")

    def note(self, note: Note) -> str:
        """Return something to know before believing the figures."""
        at = self.time(note.at) if note.at is not None else ""
        return self.say(f"note_{note.what}", at=at, step=note.step, number=note.number)


def _percent(share: float) -> str:
    return f"{_number(share)}%"


def _number(share: float) -> str:
    """Return hundredths with one digit behind the point, two where there is less than one."""
    shown = share * 100
    return f"{shown:.2f}" if 0 < shown < 1 else f"{shown:.1f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
