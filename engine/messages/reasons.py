"""The reasons as operators read them."""

from __future__ import annotations

from typing import NamedTuple

from engine.core.reasons import Reason


class Sentence(NamedTuple):
    """A reason in the two languages operators read."""

    zh: str
    en: str


SENTENCES: dict[Reason, Sentence] = {
    Reason.SUPERSEDED: Sentence("更晚的事件已经写过这个值", "a later event has already written this value"),
    Reason.NO_CHANGE: Sentence("该值本来就是这样，没有变化", "the value was already so, nothing changed"),
    Reason.STALE_EVENT: Sentence(
        "事件太旧，只更新事实，不启动 SOP", "the event is too old to start anything; facts were updated"
    ),
    Reason.BACKFILL: Sentence(
        "补录的事件只更新事实，不启动 SOP", "a backfilled event updates facts and starts nothing"
    ),
    Reason.UNKNOWN_VALUE: Sentence(
        "值不在定义允许的范围内，未采用", "the value is not one the definitions allow; it was not taken"
    ),
    Reason.CASCADE: Sentence("SOP 相互触发超过 8 层，已切断", "SOPs set each other off more than 8 deep; cut"),
    Reason.DEAD: Sentence("多次处理失败，已转入死信", "processing failed repeatedly; set aside as a dead letter"),
    Reason.CONDITION: Sentence("条件不成立", "a condition does not hold"),
    Reason.UNKNOWN: Sentence("条件用到的值未知", "a condition needs a value that is not known"),
    Reason.WHILE_NOT_MET: Sentence(
        "持续条件（while）一开始就不成立", "the `while` condition does not hold at the start"
    ),
    Reason.ALREADY_ACTIVE: Sentence("该客户已在此 SOP 中", "the customer is in this SOP already"),
    Reason.ALREADY_HAD: Sentence(
        "该客户走过此 SOP，不再进入", "the customer has had this SOP and it is never repeated"
    ),
    Reason.COOLDOWN: Sentence("距上次开始还在冷却期内", "the last start is still within the cooldown"),
    Reason.GROUP_BUSY: Sentence(
        "同组中有优先级更高的 SOP 正在进行", "a higher-priority SOP of the same group is active"
    ),
    Reason.NO_KEY: Sentence("事件里没有 key 所指的值", "the event lacks the value that `key` names"),
    Reason.NOT_ACCEPTING: Sentence("该 SOP 不再接收新客户", "the SOP takes nobody new"),
    Reason.EXIT: Sentence("发生了退出事件", "an exit moment happened"),
    Reason.ACTIVE_AGAIN: Sentence("客户又有了动作，沉默结束", "the customer was active again; the silence is over"),
    Reason.WHILE_ENDED: Sentence("持续条件（while）不再成立", "the `while` condition no longer holds"),
    Reason.RESTARTED: Sentence("再次触发，重新开始", "triggered again and started anew"),
    Reason.REPLACED: Sentence(
        "被同组中同级或更高优先级的 SOP 取代", "replaced by an SOP of the same group with equal or higher priority"
    ),
    Reason.SOP_REMOVED: Sentence("该 SOP 已被移除", "the SOP was removed"),
    Reason.BY_SOP: Sentence("由另一个 SOP 的动作结束", "ended by another SOP's action"),
    Reason.GOAL: Sentence("达成目标", "the goal was reached"),
    Reason.BY_HAND: Sentence("由操作人员结束", "ended by an operator"),
    Reason.QUIET_HOURS: Sentence("免打扰时段，顺延到时段结束", "quiet hours; it waits for their end"),
    Reason.HOLIDAY: Sentence("休息日，顺延到下一个可发送的日子", "a day off; it waits for the next day that is none"),
    Reason.CAP: Sentence("已达频次上限，等待有名额的日子", "the cap is reached; it waits for a day with room"),
    Reason.HOLDOUT: Sentence("属于对照组，不发送", "in the holdout group; nothing is sent"),
    Reason.NO_VARIANT: Sentence("没有一个变体的条件成立", "no variant's conditions hold"),
    Reason.FALLBACK: Sentence("员工未及时确认，改走下一个渠道", "not confirmed in time; it goes over the next channel"),
    Reason.NOT_CONFIRMED: Sentence("员工没有发出", "staff did not send it"),
    Reason.RECALLED: Sentence("已被操作人员撤回", "recalled by an operator"),
    Reason.BEFORE_START: Sentence("该时刻在时间线开始之前", "its time lies before the timeline's start"),
    Reason.EXPIRED: Sentence("耽搁太久，已过有效期", "held back too long; it has expired"),
    Reason.PASSED: Sentence("新版本加入该步骤时，其时间已过", "its time had passed when the new version brought it"),
    Reason.NO_DATE: Sentence("所依据的日期未知", "the date it counts from is not known"),
    Reason.MISSING_VALUE: Sentence(
        "消息缺少一个值，请补充客户资料或写默认值", "the message lacks a value; supply it or write a default"
    ),
    Reason.TEMPLATE_ERROR: Sentence(
        "消息模板无法渲染，请修改定义", "the message cannot be rendered; correct the definition"
    ),
    Reason.OPTED_OUT: Sentence("客户已退订", "the customer has opted out"),
    Reason.CHANNEL_REMOVED: Sentence("渠道已不在定义中", "the channel is no longer defined"),
    Reason.PLANNING_FAILED: Sentence("安排时出错，稍后重试", "planning failed; it will be tried again"),
    Reason.TIMELINE_ENDED: Sentence("时间线已结束，撤回", "the timeline has ended; called back"),
    Reason.UNMATCHED_EVENTS: Sentence("有新事件待处理，先处理事件", "new events of the customer come first"),
    Reason.PAUSED: Sentence("已暂停", "paused"),
    Reason.RETRY: Sentence("发送未成功，将重试", "not delivered yet; it will be tried again"),
    Reason.REFUSED_BY_PROVIDER: Sentence("渠道方拒绝", "refused by the provider"),
    Reason.TOO_MANY_TRIES: Sentence("重试次数用尽", "tried as often as allowed"),
    Reason.OUTCOME_UNKNOWN: Sentence(
        "发送中断，不知是否送达，请人工确认", "interrupted while sending; whether it arrived is not known"
    ),
}


def sentence(reason: str, language: str = "en") -> str:
    """Return the sentence of a reason by its code, in `zh` or `en`; the code itself where it is not in the table."""
    try:
        found = SENTENCES[Reason(reason)]
    except (ValueError, KeyError):
        return reason
    return found.zh if language == "zh" else found.en
