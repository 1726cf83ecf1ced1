"""What a due timeline leads to: touches queued or skipped, the timeline deferred, finished, or ended."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from engine.core.customers.customer import Customer, Timeline
from engine.core.definitions.catalog import Definitions
from engine.core.delivery.plan import Planned
from engine.core.reasons import Reason
from engine.core.timelines.touch import touch_key
from tests.support.builders import (
    INSTALLATION,
    NOON,
    a_customer,
    a_sop,
    a_timeline,
    an_engine,
    an_event,
    at,
    definitions,
    hours,
    matched,
    planned,
    started,
)

DAY1 = at("2026-03-02 10:00")
FOUR = a_sop(
    """
    steps:
      - {id: d1, day: 1, message: {text: 一}}
      - {id: d3, day: 3, message: {text: 三}}
      - {id: d8, day: 8, message: {text: 八}}
      - {id: d15, day: 15, message: {text: 十五}}
    """
)


def said(result: Planned) -> list[tuple[str, str, str | None]]:
    return [(each.step, each.status, each.reason) for each in result.touches]


def one_step(step: str, customer: Customer | None = None, **sop: Any) -> tuple[Definitions, Customer, Timeline]:
    """A customer whose timeline has this one step, due on day 1 at 10:00."""
    known = definitions(a_sop(f"steps: [{{id: d1, day: 1, {step}}}]", **sop))
    customer = customer or a_customer()
    return known, customer, started(customer, known)


class TestDueSteps:
    def test_each_is_queued_at_its_time_and_not_before(self) -> None:
        known, customer = definitions(FOUR), a_customer()
        timeline = started(customer, known)
        assert said(planned(timeline, customer, known, DAY1 - timedelta(seconds=1))) == []
        result = planned(timeline, customer, known, DAY1)
        assert said(result) == [("d1", "queued", None)]
        touch = result.touches[0]
        assert (touch.kind, touch.channel, touch.body, touch.due_at, touch.version) == (
            "message",
            "log",
            {"text": "一"},
            DAY1,
            1,
        )
        assert touch.limit == DAY1 + hours(36)
        assert (timeline.next_step, timeline.due_at) == ("d3", at("2026-03-04 10:00"))

    def test_a_clock_time_already_past_at_the_start_is_not_sent(self) -> None:
        known = definitions(
            a_sop("steps: [{id: d0, day: 0, message: {text: 今}}, {id: d1, day: 1, message: {text: 明}}]")
        )
        customer = a_customer()
        timeline = started(customer, known, NOON)
        assert said(planned(timeline, customer, known, NOON)) == [("d0", "skipped", Reason.BEFORE_START)]
        assert timeline.due_at == DAY1

    def test_after_an_outage_only_the_newest_goes_out(self) -> None:
        """Never later than the next step. Nobody gets a pile."""
        known, customer = definitions(FOUR), a_customer()
        timeline = started(customer, known)
        result = planned(timeline, customer, known, at("2026-03-09 11:00"))
        assert said(result) == [
            ("d1", "skipped", Reason.EXPIRED),
            ("d3", "skipped", Reason.EXPIRED),
            ("d8", "queued", None),
        ]

    def test_held_up_longer_than_expires_it_is_skipped(self) -> None:
        known, customer, timeline = one_step("message: {text: 您好}, expires: 2h")
        assert said(planned(timeline, customer, known, DAY1 + hours(2))) == [("d1", "skipped", Reason.EXPIRED)]
        known, customer, timeline = one_step("message: {text: 您好}, expires: 2h")
        assert said(planned(timeline, customer, known, DAY1 + hours(1.99))) == [("d1", "queued", None)]

    def test_a_condition_that_does_not_hold_skips_the_step_and_the_timeline_goes_on(self) -> None:
        known = definitions(
            a_sop(
                "steps: [{id: d1, day: 1, when: [{not: {tag: 已预约}}], message: {text: 一}}, {id: d2, day: 2, message: {text: 二}}]"
            )
        )
        customer = a_customer(["已预约"])
        timeline = started(customer, known)
        result = planned(timeline, customer, known, DAY1)
        assert said(result) == [("d1", "skipped", Reason.CONDITION)]
        assert result.touches[0].trace == [
            {"path": "steps/d1/when/0/not/tag", "wanted": ["已预约"], "actual": ["已预约"], "holds": True}
        ]
        assert (timeline.active, timeline.next_step) == (True, "d2")

    def test_unknown_skips_it_naming_the_value(self) -> None:
        known, customer, timeline = one_step("when: [{attr: {budget: {gte: 5}}}], message: {text: 您好}")
        result = planned(timeline, customer, known, DAY1)
        assert (said(result), result.touches[0].detail) == (
            [("d1", "skipped", Reason.UNKNOWN)],
            "customer.attributes.budget",
        )

    def test_while_is_checked_before_every_touch(self) -> None:
        sop = a_sop("while: [{is: {stage: 意向客户}}]\nsteps: [{id: d1, day: 1, message: {text: 您好}}]")
        timeline, customer = a_timeline(sop), a_customer(stage="成交客户")
        assert said(planned(timeline, customer, definitions(sop), DAY1)) == []
        assert (timeline.state, timeline.reason, timeline.detail) == ("exited", Reason.WHILE_ENDED, "while/0/is/stage")

    def test_an_sop_whose_file_is_removed_ends_its_timelines(self) -> None:
        timeline = a_timeline(a_sop())
        assert said(planned(timeline, a_customer(), definitions(), DAY1)) == []
        assert (timeline.state, timeline.reason) == ("exited", Reason.SOP_REMOVED)

    def test_what_was_touched_in_this_turn_counts_at_once(self) -> None:
        step = "{id: d1, day: 1, when: [{not: {touched: {sop: lead, since: 1d}}}], message: {text: 您好}}"
        known = definitions(a_sop(), a_sop(f"steps: [{step}]", sop="quiet"))
        customer = a_customer()
        matched(customer, an_event(), known)
        first, second = customer.timelines
        assert said(planned(first, customer, known, DAY1)) == [("d1", "queued", None)]
        assert said(planned(second, customer, known, DAY1)) == [("d1", "skipped", Reason.CONDITION)]


class TestChannels:
    both = "message: {text: 您好}, channel: [sms, log]"

    def test_the_first_on_which_the_customer_can_be_reached(self) -> None:
        for opted_out, channel in ((set(), "sms"), ({"sms"}, "log")):
            known, customer, timeline = one_step(self.both, a_customer(opt_outs=set(opted_out)))
            assert planned(timeline, customer, known, DAY1).touches[0].channel == channel

    @pytest.mark.parametrize("opted_out", [{"*"}, {"sms", "log"}])
    def test_who_opted_out_of_all_gets_nothing(self, opted_out: set[str]) -> None:
        known, customer, timeline = one_step(self.both, a_customer(opt_outs=opted_out))
        assert said(planned(timeline, customer, known, DAY1)) == [("d1", "skipped", Reason.OPTED_OUT)]

    def test_a_task_is_for_staff_and_no_opt_out_concerns_it(self) -> None:
        customer = a_customer(opt_outs={"*"}, staff={"owner": "li"}, attributes={"name": "王"})
        known, customer, timeline = one_step("task: {to: owner, title: '回访 {{ customer.name }}', due: 24h}", customer)
        (touch,) = planned(timeline, customer, known, DAY1).touches
        assert (touch.status, touch.kind) == ("queued", "task")
        assert touch.body == {"to": "owner", "staff": "li", "title": "回访 王", "due": "2026-03-03T02:00:00+00:00"}

    def test_a_channel_no_longer_defined_is_passed_over(self) -> None:
        known, customer, timeline = one_step(self.both)
        without = definitions(known.sops["lead"].sop, engine=an_engine(channels={"log": {"type": "log"}}))
        assert planned(timeline, customer, without, DAY1).touches[0].channel == "log"
        known, customer, timeline = one_step(self.both)
        none = definitions(known.sops["lead"].sop, engine=an_engine(channels={}))
        assert said(planned(timeline, customer, none, DAY1)) == [("d1", "skipped", Reason.CHANNEL_REMOVED)]


class TestMissingValues:
    """A missing value without `default` holds the touch back and shows up as something a person should mend."""

    hi = "message: {text: '{{ customer.name }},您好'}"

    def test_it_is_held_back_until_its_limit_then_skipped_for_that_reason(self) -> None:
        known, customer, timeline = one_step(self.hi)
        assert said(planned(timeline, customer, known, DAY1)) == []
        assert (timeline.waiting, timeline.next_step, timeline.step_due) == (Reason.MISSING_VALUE, "d1", DAY1)
        assert timeline.due_at == DAY1 + hours(36)
        assert "customer.name" in (timeline.detail or "")
        result = planned(timeline, customer, known, DAY1 + hours(36))
        assert said(result) == [("d1", "skipped", Reason.MISSING_VALUE)]
        assert "customer.name" in (result.touches[0].detail or "")
        assert (timeline.state, timeline.detail) == ("completed", None)

    def test_the_fact_that_mends_it_lets_it_go_out(self) -> None:
        known, customer, timeline = one_step(self.hi)
        planned(timeline, customer, known, DAY1)
        later = DAY1 + hours(3)
        matched(customer, an_event("customer.updated", {"attributes": {"name": "王"}}, time=later), known)
        assert timeline.due_at == later
        result = planned(timeline, customer, known, later)
        assert (said(result), result.touches[0].body) == ([("d1", "queued", None)], {"text": "王,您好"})
        assert (timeline.waiting, timeline.detail) == (None, None)

    def test_meanwhile_what_the_engine_does_itself_is_done_at_its_time(self) -> None:
        known = definitions(
            a_sop(f"steps: [{{id: d1, day: 1, {self.hi}}}, {{id: tag, day: 1, at: '12:00', do: [{{add_tag: 热}}]}}]")
        )
        customer = a_customer()
        timeline = started(customer, known)
        assert said(planned(timeline, customer, known, DAY1)) == []
        assert timeline.due_at == DAY1 + hours(2)
        assert said(planned(timeline, customer, known, DAY1 + hours(2))) == [("tag", "sent", None)]
        assert (timeline.state, timeline.waiting, timeline.next_step) == ("active", Reason.MISSING_VALUE, "d1")
        assert said(planned(timeline, customer, known, DAY1 + hours(36))) == [("d1", "skipped", Reason.MISSING_VALUE)]

    def test_a_default_is_never_missing(self) -> None:
        known, customer, timeline = one_step("message: {text: '{{ customer.name | default(\"您\") }}好'}")
        assert planned(timeline, customer, known, DAY1).touches[0].body == {"text": "您好"}

    def test_it_holds_back_no_other_step_due_at_the_same_time(self) -> None:
        known = definitions(
            a_sop(
                """
                steps:
                  - {id: hi, day: 1, message: {text: "{{ customer.name }}"}}
                  - {id: too, day: 1, message: {text: "{{ event.data.x }}"}}
                  - {id: tag, day: 1, do: [{add_tag: 已触达}]}
                """
            )
        )
        customer = a_customer()
        timeline = started(customer, known)
        result = planned(timeline, customer, known, DAY1)
        assert said(result) == [("tag", "sent", None)]
        assert (len(result.made), timeline.due_at, timeline.waiting) == (
            1,
            DAY1,
            Reason.MISSING_VALUE,
        )  # the events come first
        assert said(planned(timeline, customer, known, DAY1)) == []
        assert timeline.due_at == DAY1 + hours(36)
        both = planned(timeline, customer, known, DAY1 + hours(36))
        assert said(both) == [("hi", "skipped", Reason.MISSING_VALUE), ("too", "skipped", Reason.MISSING_VALUE)]

    def test_the_next_step_ends_the_waiting(self) -> None:
        known = definitions(
            a_sop(
                "steps: [{id: d1, day: 1, message: {text: '{{ customer.name }}'}}, {id: d2, day: 2, message: {text: 二}}]"
            )
        )
        customer = a_customer()
        timeline = started(customer, known)
        planned(timeline, customer, known, DAY1)
        assert timeline.due_at == DAY1 + timedelta(days=1)
        result = planned(timeline, customer, known, DAY1 + timedelta(days=1))
        assert said(result) == [("d1", "skipped", Reason.MISSING_VALUE), ("d2", "queued", None)]


class TestDoing:
    known = definitions(
        a_sop(
            "steps: [{id: tag, day: 1, do: [{add_tag: 热}, {set: {tier: 金卡}}]}, {id: end, day: 1, message: {text: 再见}}]"
        )
    )

    def test_events_are_made_once_and_what_follows_waits_for_them(self) -> None:
        customer = a_customer()
        timeline = started(customer, self.known)
        result = planned(timeline, customer, self.known, DAY1)
        assert said(result) == [("tag", "sent", None)]
        assert [(each.type, each.data) for each in result.made] == [
            ("tag.added", {"tag": "热"}), ("stage.changed", {"dimension": "tier", "value": "金卡"}),
        ]  # fmt: skip
        assert result.touches[0].body == {"do": [{"add_tag": ["热"]}, {"set": {"tier": "金卡"}}]}
        assert (timeline.due_at, timeline.next_step) == (DAY1, "end")
        rest = planned(timeline, customer, self.known, DAY1)
        assert (said(rest), rest.made) == ([("end", "queued", None)], [])

    def test_their_effect_is_seen_by_the_next_step(self) -> None:
        known = definitions(
            a_sop(
                "steps: [{id: tag, day: 1, do: [{add_tag: 热}]}, {id: end, day: 1, when: [{tag: 热}], message: {text: 再见}}]"
            )
        )
        customer = a_customer()
        timeline = started(customer, known)
        for event in planned(timeline, customer, known, DAY1).made:
            matched(customer, event, known)
        assert said(planned(timeline, customer, known, DAY1)) == [("end", "queued", None)]


class TestTheEnd:
    def test_it_is_completed_once_every_touch_has_come_to_its_end(self) -> None:
        known, customer, timeline = one_step("message: {text: 您好}")
        planned(timeline, customer, known, DAY1)
        assert (timeline.active, timeline.next_step) == (True, None)
        looks = []
        timeline.open_touches = True
        while len(looks) < 20 and timeline.due_at is not None:
            looks.append(timeline.due_at)
            planned(timeline, customer, known, timeline.due_at)
        assert timeline.active
        assert all(timedelta(seconds=1) <= b - a <= hours(1) for a, b in itertools.pairwise(looks))
        timeline.open_touches = False
        planned(timeline, customer, known, looks[-1])
        assert (timeline.state, timeline.reason, timeline.ended_at) == ("completed", None, looks[-1])

    def test_at_once_where_nothing_was_queued(self) -> None:
        known, customer, timeline = one_step("message: {text: 您好}", a_customer(opt_outs={"*"}))
        planned(timeline, customer, known, DAY1)
        assert timeline.state == "completed"

    def test_a_step_whose_date_never_came_to_be_known_is_skipped(self) -> None:
        known = definitions(
            a_sop(
                "steps: [{id: d1, day: 1, do: [{add_tag: 热}]}, {id: x, from: attr.due, day: 0, message: {text: 今}}]"
            )
        )
        customer = a_customer()
        timeline = started(customer, known)
        result = planned(timeline, customer, known, DAY1)
        assert said(result) == [("d1", "sent", None), ("x", "skipped", Reason.NO_DATE)]
        assert (result.touches[1].detail, timeline.state) == ("attr.due", "completed")


class TestKeys:
    """The key is a function of installation, customer, SOP, timeline key, start and step, never of a row id."""

    def key(
        self, installation: str = INSTALLATION, ref: str = "c-1", sop: str = "lead", step: str = "d1", **fields: Any
    ) -> str:
        return touch_key(installation, ref, a_timeline(a_sop(sop=sop), **fields), step)

    def test_the_same_again_has_the_same_key_whatever_its_row(self) -> None:
        assert self.key(id=1) == self.key(id=2, anchor=NOON + hours(5), version=7)

    def test_everything_it_is_a_function_of_makes_another(self) -> None:
        other = "00000000-0000-0000-0000-000000000002"
        keys = [
            self.key(), self.key(installation=other), self.key(ref="c-2"), self.key(sop="other"),
            self.key(step="d2"), self.key(key="k"), self.key(start_id="crm/2"),
        ]  # fmt: skip
        assert len(set(keys)) == len(keys)

    def test_planned_touches_bear_it(self) -> None:
        known, customer, timeline = one_step("message: {text: 您好}")
        assert planned(timeline, customer, known, DAY1).touches[0].key == touch_key(INSTALLATION, "c-1", timeline, "d1")
