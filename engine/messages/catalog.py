"""The phrases around reasons, in the two languages operators read."""

from __future__ import annotations

from engine.messages.operating_phrases import OPERATING
from engine.messages.plan_phrases import PLANNING
from engine.messages.reasons import Sentence
from engine.messages.why_phrases import WHY_PHRASES

PHRASES: dict[str, Sentence] = (
    {
        **PLANNING,
        # putting together
        "with_detail": Sentence("{said}（{detail}）", "{said} ({detail})"),
        "because": Sentence("{said}：{why}", "{said}: {why}"),
        "at_path": Sentence("{said}（{path}）", "{said} ({path})"),
        "semicolon": Sentence("；", "; "),
        "and": Sentence(" 且 ", " and "),
        "or": Sentence(" 或 ", " or "),
        "true": Sentence("是", "true"),
        "false": Sentence("否", "false"),
        # conditions
        "not_known": Sentence("不知道 {name}，要求 {wanted}", "{name} is not known; wanted {wanted}"),
        "no_value": Sentence("未设置", "not set"),
        "tag_lacks": Sentence("没有标签 {names}", "lacks the tag {names}"),
        "tag_has": Sentence("有标签 {names}", "has the tag {names}"),
        "in_sop_lacks": Sentence("不在 SOP {names} 中", "is not in the SOP {names}"),
        "in_sop_has": Sentence("正在 SOP {names} 中", "is in the SOP {names}"),
        "wanted": Sentence("{name} 为 {actual}，要求 {wanted}", "{name} is {actual}, wanted {wanted}"),
        "excluded": Sentence(
            "{name} 为 {actual}，要求不是 {wanted}", "{name} is {actual}, wanted anything but {wanted}"
        ),
        "seen_not": Sentence("{since}没有发生过 {what}", "no {what}{since}"),
        "seen_did": Sentence("{last} 发生过 {what}", "{what} at {last}"),
        "touched_not": Sentence("{since}没有收到过 {what} 的触达", "no touch of {what}{since}"),
        "touched_did": Sentence("{last} 收到过 {what} 的触达", "a touch of {what} at {last}"),
        "since": Sentence("自 {time} 起", " since {time}"),
        "last_time": Sentence("上一次 {time}", "last {time}"),
        "exists": Sentence("有值", "any value"),
        "exists_not": Sentence("没有值", "no value"),
        "op_in": Sentence("{limit} 之一", "one of {limit}"),
        "op_contains": Sentence("包含 {limit}", "containing {limit}"),
        "op_matches": Sentence("匹配 {limit}", "matching {limit}"),
        "silent_not": Sentence(
            "时钟 {clock} 已沉默 {actual} 天，要求至少 {days} 天",
            "silent for {actual} days on the clock {clock}, wanted {days} at least",
        ),
        "silent_did": Sentence(
            "时钟 {clock} 已沉默 {actual} 天，要求不到 {days} 天",
            "silent for {actual} days on the clock {clock}, wanted less than {days}",
        ),
        "silent_never": Sentence(
            "时钟 {clock} 还没有开始计时，要求沉默 {days} 天",
            "the clock {clock} has not started; wanted {days} days of silence",
        ),
        # events
        "crossed": Sentence(
            "沉默满 {days} 天（时钟 {clock}，最后一次活动 {last}）",
            "silent for {days} days (clock {clock}, last activity {last})",
        ),
        "met_date": Sentence("日子到了：{what}（SOP {sop}）", "its day: {what} (SOP {sop})"),
        "met_slot": Sentence("时间到了：{what}（SOP {sop}）", "its time: {what} (SOP {sop})"),
        "met_existing": Sentence(
            "启用时已符合触发条件（{what}，SOP {sop}）", "met the trigger already ({what}, SOP {sop})"
        ),
        "made_by": Sentence("{event}（由 SOP {sop} 产生）", "{event} (made by SOP {sop})"),
        "waits": Sentence("等待匹配", "waits for the matcher"),
        "nothing_hit": Sentence("已记录，没有命中任何 SOP", "recorded; no SOP is concerned"),
        "started": Sentence("启动 {sop} v{version}（{path}）", "started {sop} v{version} ({path})"),
        "refused": Sentence("未启动 {sop}：{why}", "did not start {sop}: {why}"),
        "ended": Sentence("结束 {sop}：{why}", "ended {sop}: {why}"),
        "dropped": Sentence("未采用：{what}", "not taken: {what}"),
        # timelines
        "timeline": Sentence("{title}（{sop} v{version}）", "{title} ({sop} v{version})"),
        "active": Sentence("：进行中，{anchor} 开始，今天是第 {day} 天", ": active since {anchor}, today is day {day}"),
        "completed": Sentence("：{anchor} 开始，{ended} 走完", ": started {anchor}, completed {ended}"),
        "converted": Sentence("：{anchor} 开始，{ended} 达成目标", ": started {anchor}, converted {ended}"),
        "exited": Sentence("：{anchor} 开始，{ended} 退出", ": started {anchor}, exited {ended}"),
        "cancelled": Sentence("：{anchor} 开始，{ended} 取消", ": started {anchor}, cancelled {ended}"),
        # steps
        "step_planned": Sentence("计划 {due}", "planned for {due}"),
        "step_due": Sentence("{due} 已到时间，正在安排", "due since {due}, about to be planned"),
        "step_held": Sentence("{due} 已到时间，暂缓", "due {due}, held back"),
        "step_undated": Sentence("没有时间", "has no time"),
        "step_unreached": Sentence("未走到（原定 {due}）", "never reached (was due {due})"),
        "unreached": Sentence("未走到：{names}", "never reached: {names}"),
        "step_queued": Sentence("{due} 到时间，等待由 {channel} 发出", "due {due}, waiting to go out over {channel}"),
        "step_sending": Sentence("正在由 {channel} 发送", "being sent over {channel}"),
        "step_sent": Sentence("{at} 已由 {channel} 发出", "sent {at} over {channel}"),
        "step_do_sent": Sentence("{at} 已执行", "done {at}"),
        "step_failed": Sentence("{at} 经 {channel} 发送失败", "failed {at} over {channel}"),
        "step_unknown": Sentence("{at} 经 {channel} 发送，结果不明", "outcome not known, {at} over {channel}"),
        "step_handed": Sentence("{at} 已交给 {channel}，等待员工确认", "handed to {channel} {at}, waits for staff"),
        "step_cancelled": Sentence("{at} 已取消", "cancelled {at}"),
        "step_expired": Sentence("{at} 已过期", "expired {at}"),
        "step_skipped": Sentence("{due} 跳过", "skipped, due {due}"),
        "until": Sentence("，最迟到 {time}", ", until {time}"),
        "retry_at": Sentence("，{time} 第 {attempt} 次发送", ", try {attempt} at {time}"),
        # the story
        "customer": Sentence("客户 {ref}", "Customer {ref}"),
        "tags": Sentence("标签 {names}", "tags {names}"),
        "no_tags": Sentence("没有标签", "no tags"),
        "opted_out": Sentence("已退订 {names}", "opted out of {names}"),
        "zone": Sentence("时区 {name}", "zone {name}"),
        "events": Sentence("事件", "Events"),
        "timelines": Sentence("时间线", "Timelines"),
        "no_events": Sentence("没有事件", "no events"),
        "no_timelines": Sentence("没有进入过任何 SOP", "was never in any SOP"),
        "earlier_left_out": Sentence(
            "更早的事件未列出；用 --events 数量 查看更多", "older events are left out; --events NUMBER shows more"
        ),
        "rejected": Sentence(
            "被拒收的事件：{number} 个；用 sop events --rejected --customer {ref} 查看",
            "rejected events: {number}; see `sop events --rejected --customer {ref}`",
        ),
        "never_hit": Sentence(
            "这位客户从未触发过「{sop}」。它等待的是：{waits}",
            "nothing this customer did ever triggered {sop}. It waits for: {waits}",
        ),
        # what differs between definitions
        "no_difference": Sentence("没有差异", "no difference"),
        "diff_added": Sentence("新增", "new"),
        "diff_removed": Sentence("移除", "removed"),
        "diff_changed": Sentence("修改", "changed"),
        "diff_text": Sentence("仅文字有改动（注释、排版），行为不变", "text only (comments, layout); it does the same"),
        "diff_unreadable": Sentence(
            "现行版本本引擎读不了，整体替换", "the version in force cannot be read by this engine; replaced as a whole"
        ),
        "part_added": Sentence("{where}新增：{after}", "{where}added: {after}"),
        "part_removed": Sentence("{where}移除（原为 {before}）", "{where}removed (was {before})"),
        "part_changed": Sentence("{where}{before} → {after}", "{where}{before} → {after}"),
        "part_text": Sentence("{where}已改：“{before}” → “{after}”", "{where}changed: “{before}” → “{after}”"),
        "part_moved": Sentence("{where}移位：第 {before} → 第 {after}", "{where}moved: number {before} → {after}"),
        "part_between": Sentence("，", ", "),
        "part_end": Sentence("：", ": "),
        "noun_steps": Sentence("步骤 {name}", "step {name}"),
        "noun_variants": Sentence("变体 {name}", "variant {name}"),
        "noun_values": Sentence("取值 {name}", "value {name}"),
        "noun_trigger": Sentence("触发 {name}", "trigger {name}"),
        "noun_exit": Sentence("退出 {name}", "exit {name}"),
        "noun_do": Sentence("动作 {name}", "action {name}"),
        "noun_attachments": Sentence("附件 {name}", "attachment {name}"),
        "noun_caps": Sentence("频次上限 {name}", "cap {name}"),
        "noun_other": Sentence("{key} 第 {name} 项", "{key} {name}"),
    }
    | OPERATING
    | WHY_PHRASES
)
