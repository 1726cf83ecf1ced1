"""The phrases of `sop explain` and `sop why` about what holds back, what came close, and what an SOP did over a time."""

from __future__ import annotations

from engine.messages.reasons import Sentence

WHY_PHRASES: dict[str, Sentence] = {
    # gates, variants, goals
    "held_by": Sentence("受阻于 {names}", "held by {names}"),
    "short_quiet_hours": Sentence("免打扰时段", "quiet hours"),
    "short_holiday": Sentence("休息日", "days off"),
    "short_cap": Sentence("频次上限", "the cap"),
    "short_paused": Sentence("暂停", "a pause"),
    "short_missing_value": Sentence("缺值", "a missing value"),
    "short_template_error": Sentence("模板错误", "a template error"),
    "cap_day": Sentence("每天最多 {most} 条", "{most} a day at most"),
    "cap_days": Sentence("{days} 天内最多 {most} 条", "{most} in {days} days at most"),
    "cap_over": Sentence("{said}，经 {channel}", "{said}, over {channel}"),
    "cap_rival": Sentence(
        "{said}，当天稍后优先级更高的 {sop} 先发", "{said}; {sop}, of higher priority, comes first later that day"
    ),
    "after_others": Sentence("先是 {names}，然后 {said}", "first {names}, then {said}"),
    "room_taken": Sentence("名额已被占用：{names}", "the room was taken by {names}"),
    "taken": Sentence("{sop} {step}（{on}）", "{sop} {step} ({on})"),
    "waited": Sentence("（原定 {due}，因 {why} 顺延）", " (was due {due}, waited for {why})"),
    "of_variant": Sentence("，变体 {name}", ", variant {name}"),
    "of_fallback": Sentence("，第 {number} 个渠道", ", channel number {number}"),
    "expected_later": Sentence("；因 {why}，预计 {at} 发出", "; because of {why} it goes out {at}"),
    "expected_skip": Sentence("；照目前情况 {at} 会跳过：{why}", "; as things stand it will be skipped {at}: {why}"),
    "step_notice_sent": Sentence("{at} 已由 {channel} 通知员工", "staff was told {at} over {channel}"),
    "converted_goal": Sentence("达成 {sop} 的目标（{path}）", "reached the goal of {sop} ({path})"),
    "in_holdout": Sentence("；属于对照组，不发送消息和任务", "; in the holdout group: no message or task goes out"),
    "goal_reached_after": Sentence("；结束后 {at} 达成目标", "; the goal was reached after its end, {at}"),
    "goal_open": Sentence("；目标计到 {until}", "; its goal counts until {until}"),
    "goes_on": Sentence("；预计 {time} 发出", "; it goes out {time}"),
    # why an SOP did not start
    "closest": Sentence("为什么没有启动「{sop}」", "Why {sop} did not start"),
    "miss_none": Sentence("这位客户没有过 {type} 事件", "this customer never had an event {type}"),
    "miss_clock": Sentence("由时钟或日历触发，不由事件触发", "a clock or the calendar triggers it, no event does"),
    "miss_other": Sentence("{event}：不是要等的 {wanted}", "{event}: not {wanted}, which it waits for"),
    "miss_nothing": Sentence("{event}：{why}，所以不算触发", "{event}: {why}, so it triggered nothing"),
    "miss_before": Sentence("{event}：此 SOP 在 {applied} 才启用", "{event}: before the SOP was applied, {applied}"),
    "miss_rest": Sentence("{event}：还缺 {wanted}", "{event}: the rest is lacking, {wanted}"),
    "miss_fields": Sentence("{event}：{why}", "{event}: {why}"),
    "miss_came_from": Sentence("{event}：要求之前或之后是 {wanted}", "{event}: wanted from or to {wanted}"),
    "miss_unmatched": Sentence("{event}：等待匹配", "{event}: waits for the matcher"),
    "miss_more": Sentence("还有 {number} 个同类事件", "{number} more of that type"),
    "hit_times": Sentence(
        "触发过 {number} 次，结果见上面的事件", "triggered it {number} times; what came of it stands with the events"
    ),
    "would_start": Sentence("现在触发的话：会启动", "Triggered now, it would start"),
    "would_not": Sentence("现在触发的话：不会启动，{why}", "Triggered now, it would not start: {why}"),
    "holds_now": Sentence("成立", "holds"),
    "name_is": Sentence("{name} 为 {actual}", "{name} is {actual}"),
    # an SOP over a time
    "why_head": Sentence(
        "{title}（{sop} v{version}），{since} 至 {until}", "{title} ({sop} v{version}), {since} to {until}"
    ),
    "in_force": Sentence("{first} 首次启用，当前版本 {present} 启用", "first applied {first}, this version {present}"),
    "paused_sop": Sentence("已暂停：此 SOP 不再发出任何触达", "paused: nothing of this SOP goes out"),
    "paused_all": Sentence("已全部暂停：任何 SOP 都不再发出触达", "all is paused: nothing of any SOP goes out"),
    "paused_channel": Sentence("渠道 {name} 已暂停", "the channel {name} is paused"),
    "accepts_nobody": Sentence(
        "不再接收新客户（accept: false），已在其中的走完为止",
        "takes nobody new (accept: false); those inside go on to the end",
    ),
    "funnel": Sentence(
        "触发 {triggered} 次：启动 {started}，未启动 {refused}。现在进行中 {active}",
        "triggered {triggered} times: {started} started, {refused} did not. In flight now: {active}",
    ),
    "funnel_goal": Sentence(
        "目标：这段时间达成 {converted} 次；启动的人里 {holdout} 位属于对照组",
        "goal: reached {converted} times in this time; {holdout} of those started are in the holdout group",
    ),
    "after_waiting": Sentence("{said}，因 {why} 晚于原定时间", "{said} later than due, because of {why}"),
    "variants": Sentence("变体：{names}", "variants: {names}"),
    "of_step": Sentence("只看步骤 {step}", "only the step {step}"),
    "of_reason": Sentence("只看原因 {reason}", "only the reason {reason}"),
    "not_started": Sentence("未启动", "Not started"),
    "ended_title": Sentence("已结束", "Ended"),
    "steps_title": Sentence("步骤", "Steps"),
    "why_title": Sentence("原因", "Why"),
    "nothing_found": Sentence("没有符合的记录", "nothing of that kind in this time"),
    "eg": Sentence("如 {names}", "e.g. {names}"),
    "not_known_of": Sentence("其中 {number} 次该值未知", "of {number} of them it is not known"),
    "want": Sentence("{name} 要求 {wanted}", "{name} wanted {wanted}"),
    "want_other": Sentence("{name} 要求不是 {wanted}", "{name} wanted anything but {wanted}"),
    "seen_has": Sentence("发生过 {what}", "{what} has happened"),
    "touched_has": Sentence("收到过 {what} 的触达", "a touch of {what} was received"),
    "silent_short": Sentence(
        "时钟 {clock} 沉默不到 {days} 天", "silent for less than {days} days on the clock {clock}"
    ),
    "silent_long": Sentence("时钟 {clock} 已沉默 {days} 天以上", "silent for {days} days or more on the clock {clock}"),
    "end_completed": Sentence("走完", "completed"),
    "end_converted": Sentence("达成目标", "converted"),
    "end_exited": Sentence("退出", "exited"),
    "is_planned": Sentence("等待其时间，最早 {first}", "wait for its time, the first {first}"),
    "is_due": Sentence("已到时间，正在安排", "due, about to be planned"),
    "is_held": Sentence("暂缓", "held back"),
    "is_queued": Sentence("等待发出", "waiting to go out"),
    "is_sending": Sentence("正在发送", "being sent"),
    "is_sent": Sentence("已发出", "sent"),
    "is_failed": Sentence("发送失败", "failed"),
    "is_unknown": Sentence("结果不明", "outcome not known"),
    "is_handed": Sentence("已交出，等待员工确认", "handed on, waits for staff"),
    "is_cancelled": Sentence("已取消", "cancelled"),
    "is_expired": Sentence("已过期", "expired"),
    "is_skipped": Sentence("跳过", "skipped"),
    "last_step": Sentence(
        "另有 {number} 位已走到最后一步，等待触达有结果",
        "{number} more have had every step; their last touches are on their way",
    ),
    "notice_of": Sentence("{place} 的通知", "notice of {place}"),
    "gone_step": Sentence("（已不在定义中）", "(no longer defined)"),
    "col_step": Sentence("步骤", "step"),
    "col_when": Sentence("时间", "when"),
    "col_next": Sentence("将到", "to come"),
    "col_waiting": Sentence("等待", "waiting"),
    "col_sent": Sentence("已发", "sent"),
    "col_skipped": Sentence("跳过", "skipped"),
    "col_expired": Sentence("过期", "expired"),
    "col_failed": Sentence("失败", "failed"),
    "col_cancelled": Sentence("取消", "cancelled"),
    "nobody": Sentence("这段时间没有人触发它。它等待的是：", "Nobody triggered it in this time. It waits for:"),
    "came": Sentence("{name} 来过 {number} 次，最近 {last}", "{name} came in {number} times, last {last}"),
    "came_idle": Sentence(
        "其中 {number} 次没有改变任何东西，不算触发", "{number} of them changed nothing, so they trigger nothing"
    ),
    "came_never": Sentence("从未来过", "never came in"),
    "came_near": Sentence("最接近的：{names}", "most alike: {names}"),
    "times": Sentence("{name} × {number}（如 {eg}）", "{name} × {number} (e.g. {eg})"),
    "already": Sentence(
        "已有 {number} 位客户符合，但此前就是如此，不算触发（由定义中的 existing 决定）",
        "{number} customers are so already; only becoming so triggers it (`existing` decides about them)",
    ),
    "already_silent": Sentence(
        "现在有 {number} 位客户已沉默这么久", "{number} customers have been silent that long now"
    ),
    "already_date": Sentence("现在有 {number} 位客户填了这个日期", "{number} customers have such a date"),
    "follow_up": Sentence("逐个查看：sop explain 客户 --sop {sop}", "one by one: `sop explain CUSTOMER --sop {sop}`"),
}
