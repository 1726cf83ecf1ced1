"""What `sop plan`, `apply` and `versions` say, in the two languages operators read."""

from __future__ import annotations

from engine.messages.reasons import Sentence

PLANNING: dict[str, Sentence] = {
    "plan_on": Sentence(
        "现行第 {generation} 代；应用后为第 {next} 代", "generation {generation} is in force; this would be {next}"
    ),
    "plan_back": Sentence(
        "现行第 {generation} 代；回到第 {back} 代的定义，作为第 {next} 代",
        "generation {generation} is in force; the definitions of {back} would come back as {next}",
    ),
    "plan_first": Sentence("还没有应用过定义", "nothing was applied yet"),
    "plan_changes": Sentence("改动", "Changes"),
    "plan_in_flight": Sentence("进行中的时间线", "Timelines in flight"),
    "plan_nobody": Sentence("改动涉及的 SOP 没有进行中的时间线", "no timeline is in flight in what changes"),
    "plan_flying": Sentence("{sop}：{number} 条进行中", "{sop}: {number} in flight"),
    "plan_ends": Sentence("{number} 条将结束：{why}", "{number} end: {why}"),
    "plan_ends_none": Sentence("没有结束的", "none ends"),
    "plan_waits_end": Sentence(
        "，其中 {number} 条只等最后的触达完成", ", {number} of them only wait for their last touches"
    ),
    "plan_scaled": Sentence(
        "按 {customers} 位客户中的 {looked_at} 位推算", "scaled up from {looked_at} of {customers} customers"
    ),
    "plan_existing": Sentence("已符合新 SOP 触发条件的客户", "Who meets the trigger of a new SOP already"),
    "plan_meet": Sentence("{sop}：{number} 位已符合触发条件", "{sop}: {number} meet the trigger already"),
    "plan_mode_ignore": Sentence("existing: ignore，不进入", "existing: ignore; they are left alone"),
    "plan_mode_again": Sentence(
        "此 id 以前应用过，existing 不再生效；他们不进入",
        "the id was applied before, so `existing` is not asked again; they are left alone",
    ),
    "plan_mode_join": Sentence("existing: join，{starts} 位进入", "existing: join; {starts} enter"),
    "plan_mode_start": Sentence(
        "existing: start now，{starts} 位进入，每天最多 {per_day} 位，共 {days} 天",
        "existing: start now; {starts} enter, {per_day} a day at most, in {days} days",
    ),
    "plan_refused": Sentence("{number} 位不进入：{why}", "{number} do not enter: {why}"),
    "plan_stand_at": Sentence("下一步：{steps}", "they have next: {steps}"),
    "plan_missed": Sentence("时间已过、不发：{steps}", "past already, not sent: {steps}"),
    "plan_ahead": Sentence(
        "未来 {days} 天的触达（共 {customers} 位客户）", "Going out in the next {days} days ({customers} customers)"
    ),
    "plan_ahead_none": Sentence("未来 {days} 天没有触达", "nothing goes out in the next {days} days"),
    "plan_ahead_without": Sentence(
        "不含以后的新事件带来的客户，也不计暂停",
        "without customers whom new events will bring, and as if nothing were paused",
    ),
    "plan_held": Sentence("受阻于{why}而推迟：{before} → {after}", "held back by {why}: {before} → {after}"),
    "plan_lost": Sentence("因{why}错过、不发：{before} → {after}", "never sent, for {why}: {before} → {after}"),
    "plan_late": Sentence("早已到期", "being overdue already"),
    "plan_peak": Sentence(
        "{channel} 最忙的一分钟：{at}，{number} 条", "{channel}: busiest minute {at}, {number} touches"
    ),
    "plan_rate": Sentence("，按 {rate} 需 {seconds} 秒", ", at {rate} they take {seconds} s"),
    "plan_column_step": Sentence("步骤", "step"),
    "plan_column_waiting": Sentence("当前等待", "waiting"),
    "plan_column_to_come": Sentence("之后仍会收到", "still to come"),
    "plan_column_gets": Sentence("新增", "new"),
    "plan_column_moves": Sentence("改时间", "moved"),
    "plan_column_loses": Sentence("不再收到", "lost"),
    "plan_column_passed": Sentence("时间已过跳过", "passed"),
    "plan_column_day": Sentence("日期", "day"),
    "plan_column_channel": Sentence("渠道", "channel"),
    "plan_column_before": Sentence("现行", "in force"),
    "plan_column_after": Sentence("应用后", "planned"),
    "plan_column_difference": Sentence("差", "difference"),
    "plan_total": Sentence("合计", "total"),
    "plan_moved": Sentence(
        "「{sop}」进行中的时间线由计划时的 {then} 条变为 {now} 条",
        "{sop} has {now} timelines in flight now; the plan counted {then}",
    ),
    "apply_ask": Sentence("{number} 条时间线将结束。要继续吗？", "{number} timelines end. Go on?"),
    "apply_ask_removed": Sentence("{sops} 将被移除。要继续吗？", "{sops} will be removed. Go on?"),
    "apply_new": Sentence("新增", "new"),
    "apply_changed": Sentence("修改", "changed"),
    "apply_removed": Sentence("已移除，其中的时间线结束", "removed, its timelines end"),
    "apply_done": Sentence("{path}：已作为第 {generation} 代启用", "{path}: in force as generation {generation}"),
    "apply_same": Sentence(
        "{path}：第 {generation} 代已在启用，没有变化",
        "{path}: in force already as generation {generation}; nothing changed",
    ),
    "apply_left": Sentence("没有应用，一切照旧", "not applied; nothing has changed"),
    "versions_new": Sentence("新增 {names}", "new: {names}"),
    "versions_changed": Sentence("修改 {names}", "changed: {names}"),
    "versions_removed": Sentence("移除 {names}", "removed: {names}"),
    "versions_same": Sentence("与第 {generation} 代相同", "the same as {generation}"),
}
