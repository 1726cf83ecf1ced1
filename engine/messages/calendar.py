"""A calendar's lines and figures in the words operators read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from engine.core.explain.story import EventEntry
from engine.core.simulation.calendar import Calendar, EndLine, EventLine, HeldLine, Line, Run, TouchLine
from engine.core.simulation.totals import TimelineTotal
from engine.messages.catalog import PHRASES
from engine.messages.reasons import Sentence, sentence
from engine.messages.story import StoryFormatter

CALENDAR_PHRASES: dict[str, Sentence] = {
    # lines
    "sim_message": Sentence("「{title}」{step}：经 {channel} 发给客户", "{title}, {step}: message over {channel}"),
    "sim_task": Sentence(
        "「{title}」{step}：任务，经 {channel} 派给员工", "{title}, {step}: task for staff over {channel}"
    ),
    "sim_notice": Sentence(
        "「{title}」{step}：通知员工，经 {channel}", "{title}, {step}: notice to staff over {channel}"
    ),
    "sim_do": Sentence("「{title}」{step}：引擎执行", "{title}, {step}: done by the engine"),
    "sim_variant": Sentence("版本 {name}", "variant {name}"),
    "sim_waited": Sentence("原定 {due}，{why}", "was due {due}; {why}"),
    "sim_skipped": Sentence("「{title}」{step}：跳过：{why}", "{title}, {step}: skipped: {why}"),
    "sim_held": Sentence(
        "「{title}」{step}：{due} 到时间，推迟到 {until}：{why}",
        "{title}, {step}: due {due}, put off until {until}: {why}",
    ),
    "sim_held_at_most": Sentence(
        "「{title}」{step}：{due} 到时间，暂缓，最迟到 {until}：{why}",
        "{title}, {step}: due {due}, held back until {until} at the latest: {why}",
    ),
    "sim_completed": Sentence("「{title}」走完", "{title}: completed"),
    "sim_converted": Sentence("「{title}」达成目标", "{title}: converted"),
    "sim_exited": Sentence("「{title}」退出：{why}", "{title}: exited: {why}"),
    "sim_cancelled": Sentence("「{title}」取消：{why}", "{title}: cancelled: {why}"),
    "sim_to_come": Sentence("「{title}」仍在进行，之后还有：{steps}", "{title} still runs; to come: {steps}"),
    "sim_running": Sentence("「{title}」仍在进行", "{title} still runs"),
    "sim_step_at": Sentence("{step}（{due}）", "{step} ({due})"),
    "sim_step_undated": Sentence("{step}（没有时间）", "{step} (has no time)"),
    "sim_end_of_calendar": Sentence("到此为止", "The calendar ends here"),
    # headings
    "sim_title": Sentence("SOP 模拟", "SOP simulation"),
    "sim_period": Sentence(
        "{begin} 到 {until}（{zone}），{customers:,} 位客户，{events:,} 个事件",
        "{begin} to {until} ({zone}), customers: {customers:,}, events: {events:,}",
    ),
    "sim_nothing_sent": Sentence("模拟：没有发送任何东西。", "A simulation: nothing was sent."),
    "sim_totals": Sentence("合计", "Totals"),
    "sim_sum": Sentence("触达 {sent:,}，跳过 {skipped:,}", "touches: {sent:,}, skipped: {skipped:,}"),
    "sim_by_step": Sentence("按步骤", "By step"),
    "sim_by_timeline": Sentence("时间线", "Timelines"),
    "sim_by_day": Sentence("每天的量", "Volume per day"),
    "sim_by_channel": Sentence("渠道", "Channels"),
    "sim_held_back": Sentence("推迟", "Put off"),
    "sim_compared": Sentence("与实际相比", "Compared with what happened"),
    "sim_customers_count": Sentence("客户", "customers"),
    "sim_customers": Sentence("客户日历", "Calendars"),
    "sim_not_shown": Sentence(
        "另有 {number:,} 位客户未列出；用 --limit 查看更多",
        "customers not shown: {number:,}; --limit shows more",
    ),
    "sim_nobody": Sentence("没有任何客户触发任何 SOP", "nobody met any trigger"),
    # columns
    "sim_sop": Sentence("SOP", "SOP"),
    "sim_step": Sentence("步骤", "step"),
    "sim_kind": Sentence("类型", "kind"),
    "sim_status": Sentence("结果", "came out"),
    "sim_reason": Sentence("原因", "reason"),
    "sim_number": Sentence("数量", "number"),
    "sim_date": Sentence("日期", "date"),
    "sim_channel": Sentence("渠道", "channel"),
    "sim_busiest_day": Sentence("最忙的一天", "busiest day"),
    "sim_busiest_minute": Sentence("最忙的一分钟", "busiest minute"),
    "sim_rate": Sentence("速率", "rate"),
    "sim_drained": Sentence("发完需要 {seconds:g} 秒", "takes {seconds:g} s to send"),
    "sim_unlimited": Sentence("不限", "no limit"),
    "sim_by_cap": Sentence("频次上限", "Caps"),
    "sim_cap": Sentence("上限", "cap"),
    "sim_cap_is": Sentence("{days} 天内最多 {max} 条", "{max} within {days} d"),
    "sim_cap_on": Sentence("{channel}：{days} 天内最多 {max} 条", "{channel}: {max} within {days} d"),
    "sim_fullest": Sentence("一位客户最多", "most of one customer"),
    "sim_full": Sentence("达到上限的客户", "customers who reach it"),
    "sim_had": Sentence("实际发出", "really sent"),
    "sim_would": Sentence("模拟发出", "would be sent"),
    "sim_had_skipped": Sentence("实际跳过", "really skipped"),
    "sim_would_skipped": Sentence("模拟跳过", "would be skipped"),
    "sim_difference": Sentence("差", "difference"),
    "sim_event": Sentence("事件", "event"),
    "sim_touch": Sentence("触达", "touches"),
    "sim_legend_skip": Sentence("跳过", "skipped"),
    "sim_legend_held": Sentence("推迟", "put off"),
    # words in columns
    "message": Sentence("消息", "message"),
    "task": Sentence("任务", "task"),
    "do": Sentence("动作", "action"),
    "notice": Sentence("通知", "notice"),
    "sent": Sentence("发出", "sent"),
    "done": Sentence("执行", "done"),
    "skipped": Sentence("跳过", "skipped"),
    "started": Sentence("启动", "started"),
    "refused": Sentence("未启动", "refused"),
    "active": Sentence("仍在进行", "still active"),
    "completed": Sentence("走完", "completed"),
    "converted": Sentence("达成目标", "converted"),
    "exited": Sentence("退出", "exited"),
    "cancelled": Sentence("取消", "cancelled"),
}

_UNTIL_A_MENDING = ("missing_value", "template_error")
"""What holds a step back until a person mends it, rather than until a moment."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a calendar: what is seen at a glance, and what belongs to it."""

    mark: str
    tone: str
    """sent, skipped, held, event, start, end, done."""
    head: str
    more: tuple[str, ...] = ()


class CalendarFormatter(StoryFormatter):
    """Says a calendar in one language, with times in one zone."""

    def say(self, phrase: str, **values: Any) -> str:
        """Return a phrase, filled in: a calendar's own, else one that stories share."""
        found = CALENDAR_PHRASES[phrase] if phrase in CALENDAR_PHRASES and phrase not in PHRASES else PHRASES[phrase]
        return (found.zh if self.language == "zh" else found.en).format(**values)

    def word(self, name: str) -> str:
        """Return one word of a column: a kind, a status; itself where there is none."""
        found = CALENDAR_PHRASES.get(name)
        return name if found is None else found.zh if self.language == "zh" else found.en

    def heading(self, calendar: Calendar) -> str:
        """Return whose calendar it is."""
        named = f"{calendar.customer} {calendar.name}" if calendar.name else calendar.customer
        return self.say("Customer {ref}", ref=named)

    def line(self, line: Line) -> Told:
        """Return a line of a calendar."""
        if line.what == "event":
            return self._happening(line)
        if line.what == "touch":
            return self._carried_out(line)
        return self._put_off(line) if line.what == "held" else self._finish(line)

    def _happening(self, line: EventLine) -> Told:
        what = {each.what for each in line.event.decisions}
        tone = "start" if "started" in what else "end" if "ended" in what else "event"
        return Told("→" if what else "·", tone, self.event(line.event), tuple(self._led_to(line.event)))

    def _led_to(self, event: EventEntry) -> list[str]:
        """Return what came of an event, nothing where it only changed facts."""
        return self.outcome(event) if event.decisions or event.reason or event.dropped else []

    def _carried_out(self, line: TouchLine) -> Told:
        step = line.step
        if step.status == "skipped":
            return Told(
                "–", "skipped", self.say("{title}, {step}: skipped: {why}", title=line.title, step=step.step, why=self._why_step(step))
            )
        head = self.say(f"sim_{step.kind}", title=line.title, step=step.step, channel=step.channel or "?")
        more = [*self._beside(line), *line.text.splitlines(), *_attached(line.body), *_actions(line.body)]
        return Told("✓", "done" if step.kind == "do" else "sent", head, tuple(more))

    def _beside(self, line: TouchLine) -> list[str]:
        said = [self.say(Sentence.within("calendar", "variant {name}"), name=line.variant)] if line.variant else []
        if line.waited and line.step.due_at is not None:
            why = sentence(line.waited, self.language)
            said.append(self.say("was due {due}; {why}", due=self.time(line.step.due_at), why=why))
        return said

    def _put_off(self, line: HeldLine) -> Told:
        phrase = "sim_held_at_most" if line.reason in _UNTIL_A_MENDING else "sim_held"
        said = self.say(
            phrase, title=line.title, step=line.step, due=self.time(line.due_at), until=self.time(line.until),
            why=self.reason(line.reason, line.detail),
        )  # fmt: skip
        return Told("…", "held", said)

    def _finish(self, line: EndLine) -> Told:
        why = self.reason(line.reason, line.detail)
        return Told("■", "end", self.say(f"sim_{line.state}", title=line.title, why=why))

    def running(self, run: Run) -> str:
        """Return what is still to come of a run that has not ended."""
        if not run.to_come:
            return self.say("{title} still runs", title=run.title)
        steps = self.listed(
            self.say("{step} ({due})", step=each.step, due=self.time(each.due_at))
            if each.due_at
            else self.say("{step} (has no time)", step=each.step)
            for each in run.to_come
        )
        return self.say("{title} still runs; to come: {steps}", title=run.title, steps=steps)

    def why(self, reason: str | None) -> str:
        """Return a reason's sentence, empty where there is none."""
        return sentence(reason, self.language) if reason else ""

    def outcome_of(self, total: TimelineTotal) -> str:
        """Return what became of timelines: their state, and the reason with its name."""
        why = self.reason(total.reason, total.detail) if total.reason and total.what != "converted" else ""
        return self.say("{said}: {why}", said=self.word(total.what), why=why) if why else self.word(total.what)


def _attached(body: dict[str, Any] | None) -> list[str]:
    found = []
    for attachment in (body or {}).get("attachments", ()):
        for kind, values in attachment.items():
            found.append(f"[{kind}] " + " ".join(str(value) for value in values.values()))
    return found


def _actions(body: dict[str, Any] | None) -> list[str]:
    return [
        " ".join(f"{name}: {_plain(value)}" for name, value in action.items()) for action in (body or {}).get("do", ())
    ]


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
