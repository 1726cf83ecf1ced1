"""What operators are told about what they have done, in the two languages they read."""

from __future__ import annotations

from engine.messages.reasons import Sentence

OPERATING: dict[str, Sentence] = {
    # pausing
    "scope_sop": Sentence("SOP {name}", "SOP {name}"),
    "scope_channel": Sentence("渠道 {name}", "channel {name}"),
    "scope_all": Sentence("全部", "everything"),
    "paused": Sentence("已暂停：{what}", "paused: {what}"),
    "paused_already": Sentence(
        "{what} 已处于暂停状态，自 {since}，由 {who}；没有改变",
        "{what} is paused already, since {since}, by {who}; nothing changed",
    ),
    "pause_holds": Sentence(
        "暂缓：进行中的时间线 {timelines} 条，等待发送的触达 {touches} 条",
        "held: {timelines} active timelines, {touches} touches waiting to be sent",
    ),
    "pause_holds_touches": Sentence("暂缓：等待发送的触达 {touches} 条", "held: {touches} touches waiting to be sent"),
    "pause_sending": Sentence(
        "来不及：{number} 条触达此刻正在发送", "too late for {number} touches being sent at this moment"
    ),
    "pause_line": Sentence("{what}：{since} 起，{who}", "{what}: since {since}, by {who}"),
    "pause_line_why": Sentence("{what}：{since} 起，{who}：{why}", "{what}: since {since}, by {who}: {why}"),
    "pause_none": Sentence("没有暂停任何内容", "nothing is paused"),
    "pause_hint": Sentence("sop resume {target} 恢复", "`sop resume {target}` lets it go on"),
    "resumed": Sentence("已恢复：{what}（{since} 起暂停）", "resumed: {what} (paused since {since})"),
    "resumed_not": Sentence("{what} 没有暂停；没有改变", "{what} was not paused; nothing changed"),
    "resume_steps": Sentence(
        "时间线 {timelines} 条：{going} 个步骤仍在有效期内，现在放行（条件、免打扰时段、频次上限照常生效）；{expired} 个已过期，跳过",
        "{timelines} timelines: {going} steps are in time and go now (conditions, quiet hours and caps apply as ever); "
        "{expired} are past their limit and expire",
    ),
    "resume_touches": Sentence(
        "等待发送的触达：{going} 条现在放行，{expired} 条已过期",
        "touches waiting to be sent: {going} go now, {expired} are past their limit and expire",
    ),
    "resume_skipped": Sentence(
        "按要求跳过暂停期间到期的 {number} 个", "skipped, as asked: {number} that came due meanwhile"
    ),
    "resume_still": Sentence("其中一部分可能仍被暂停：{what}", "some of it may still be held by: {what}"),
    # recalling
    "recalled": Sentence(
        "已撤回 {sop} 的 {step}：等待发送 {queued} 条，等待员工确认 {handed} 条",
        "recalled {step} of {sop}: {queued} waiting to be sent, {handed} waiting for staff",
    ),
    "recalled_none": Sentence(
        "{sop} 的 {step} 没有可撤回的触达", "{step} of {sop} has no touch that could be recalled"
    ),
    "recalled_late": Sentence(
        "来不及：正在发送 {sending} 条，此前已发出 {sent} 条",
        "too late for {sending} being sent and {sent} sent before",
    ),
    "recalled_on": Sentence(
        "这些客户不会再收到这一步，时间线照常往下走",
        "these customers do not get this step again; their timelines go on",
    ),
    # starting, cancelling
    "made_by_hand": Sentence("{event}（由 {who} 手动）", "{event} (by hand: {who})"),
    "asked_before": Sentence(
        "之前已用同一个 key 请求过；没有重复执行", "asked for before under this key; nothing was done again"
    ),
    "not_matched": Sentence(
        "已登记，{seconds} 秒内未被处理；matcher 是否在运行？用 sop doctor 查看",
        "taken, and not matched within {seconds} seconds; is the matcher running? `sop doctor` looks",
    ),
    "cancel_done": Sentence(
        "已取消时间线 {timeline}：{customer}，{sop}；撤回触达 {number} 条",
        "cancelled timeline {timeline}: {customer}, {sop}; {number} touches called back",
    ),
    "cancel_already": Sentence(
        "时间线 {timeline}（{customer}，{sop}）已经结束：{state}；没有改变",
        "timeline {timeline} ({customer}, {sop}) has ended already: {state}; nothing changed",
    ),
    # test-sends
    "tried": Sentence(
        "测试发送 {sop} 的 {step} 给 {customer}，渠道 {channel}：{outcome}",
        "test-send of {step} of {sop} to {customer} over {channel}: {outcome}",
    ),
    "tried_variant": Sentence("变体 {variant}", "variant {variant}"),
    "tried_as_if": Sentence(
        "该客户不在此 SOP 中：按此刻刚开始来渲染，起始事件没有数据",
        "the customer is not in this SOP: rendered as if it started now, by an event without data",
    ),
    "outcome_sent": Sentence("已发出", "sent"),
    "outcome_handed": Sentence("已交给员工确认", "handed to staff"),
    "outcome_failed": Sentence("失败", "failed"),
    "outcome_retry": Sentence("未成功，可稍后再试", "not delivered, may be tried again"),
    "outcome_unknown": Sentence("结果不明", "outcome not known"),
    # opting out
    "opted_out_of": Sentence("{customer} 已退订：{what}", "{customer} has opted out of {what}"),
    "opted_in_to": Sentence("{customer} 已恢复接收：{what}", "{customer} has opted in to {what}"),
    "opted_already": Sentence(
        "{customer} 原本就是这样（{what}）；没有改变", "it is so already for {customer} ({what}); nothing changed"
    ),
    "opt_all": Sentence("所有渠道", "all channels"),
    "opt_waiting": Sentence(
        "等待发送的消息 {number} 条，轮到时取消：{names}",
        "{number} messages wait to be sent and are cancelled at their turn: {names}",
    ),
    # retrying
    "retry_queued": Sentence(
        "{touch}（{about}）：重新排队，最迟 {limit}", "{touch} ({about}): queued again, until {limit}"
    ),
    "retry_sent": Sentence("{touch}（{about}）：记为已发出", "{touch} ({about}): noted as sent"),
    "retry_expired": Sentence(
        "{touch}（{about}）：已过有效期 {limit}，不再发送",
        "{touch} ({about}): its limit {limit} is over; it is not sent",
    ),
    "retry_ended": Sentence(
        "{touch}（{about}）：时间线已结束，不再发送", "{touch} ({about}): its timeline has ended; it is not sent"
    ),
    "retry_wrong_status": Sentence(
        "{touch}（{about}）：状态是 {status}；可以重发的是 failed 和 unknown，可以记为已发出的是 unknown",
        "{touch} ({about}): it is {status}; what is failed or unknown can be retried, what is unknown marked as sent",
    ),
    "retry_not_found": Sentence(
        "{touch}：没有这个编号的触达；sop log --json 显示编号",
        "{touch}: no touch has this id; `sop log --json` shows ids",
    ),
    # dead letters
    "replayed": Sentence("死信 {letter}：事件重新匹配", "dead letter {letter}: its event is matched anew"),
    "discarded": Sentence(
        "死信 {letter} 已丢弃；事件仍在收件箱中", "dead letter {letter} is discarded; its event stays in the inbox"
    ),
    "dead_none": Sentence("没有死信", "there are no dead letters"),
}
