"""Planning on real servers: what is due becomes touches."""

from __future__ import annotations

from datetime import timedelta

from tests.support.pipeline import AT_ONCE, ENGINE, LEAD, START, Pipeline

NAMED = LEAD.replace("text: 第一天", 'text: "{{ customer.name }},您好"')


def test_steps_become_touches_at_their_time_and_the_timeline_completes(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    planned = []
    for hours in range(0, 96, 6):
        pipeline.clock.at = START + timedelta(hours=hours)
        pipeline.work()
        planned.append(len(pipeline.touches()))
    assert planned == [0] * 4 + [1] * 8 + [2] * 4
    assert pipeline.told() == [("d1", "sent", None), ("d3", "sent", None)]
    assert (pipeline.timeline().state, pipeline.timeline().next_step) == ("completed", None)


def test_the_key_is_the_same_in_whatever_row_the_touch_stands(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    first = pipeline.touch("d1")
    pipeline.run("delete from touches")
    pipeline.run("update timelines set next_step = 'd1', due_at = :now, step_due = :now", now=pipeline.clock.at)
    pipeline.plan()
    again = pipeline.touch("d1")
    assert again.id != first.id
    assert again.key == first.key


def test_a_timeline_waits_for_its_last_touch_before_it_completes(pipeline: Pipeline) -> None:
    pipeline.apply(AT_ONCE)
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.plan()
    pipeline.wait(minutes=5)
    pipeline.plan()
    assert pipeline.timeline().state == "active"
    pipeline.send()
    pipeline.wait(hours=1)
    pipeline.plan()
    assert pipeline.timeline().state == "completed"


def test_a_missing_value_holds_the_touch_back_until_the_crm_supplies_it(pipeline: Pipeline) -> None:
    pipeline.apply(NAMED)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    held = pipeline.timeline()
    assert (held.waiting, held.next_step, pipeline.told()) == ("missing_value", "d1", [])
    assert "name" in held.detail
    pipeline.wait(hours=2)
    pipeline.post("c1", "customer.updated", attributes={"name": "王芳"})
    pipeline.work()
    assert pipeline.log.delivered[0].body == {"text": "王芳,您好"}
    assert (pipeline.timeline().waiting, pipeline.timeline().detail) == (None, None)


def test_a_missing_value_never_supplied_skips_the_touch_and_the_timeline_goes_on(pipeline: Pipeline) -> None:
    pipeline.apply(NAMED)
    pipeline.tag("c1")
    for day in range(1, 5):
        pipeline.wait_until(day)
        pipeline.work()
    assert pipeline.told() == [("d1", "skipped", "missing_value"), ("d3", "sent", None)]


def test_what_is_planned_too_late_is_skipped_as_expired(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(3)
    pipeline.work()
    assert pipeline.told() == [("d1", "skipped", "expired"), ("d3", "sent", None)]


def test_a_do_step_makes_events_that_come_before_the_next_step(pipeline: Pipeline) -> None:
    steps = "  - {id: mark, day: 1, do: [{add_tag: stop}]}\n  - {id: after, day: 1, message: {text: 多余}}\n"
    pipeline.apply(LEAD.split("steps:")[0].replace("exit: [", "exit: [{tag_added: stop}, ") + "steps:\n" + steps)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    assert pipeline.told() == [("mark", "sent", None)]
    assert (pipeline.timeline().state, pipeline.timeline().reason) == ("exited", "exit")


def test_a_condition_reads_what_is_so_when_the_step_is_due(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD.replace("day: 1,", "day: 1, when: [{not: {tag: 已成交}}],"))
    pipeline.tag("c1", "c2")
    pipeline.tag("c2", tag="已成交")
    pipeline.wait_until(1)
    pipeline.work()
    assert [(each.ref, each.status, each.reason) for each in pipeline.touches()] == [
        ("c1", "sent", None),
        ("c2", "skipped", "condition"),
    ]
    assert pipeline.touches()[1].trace[0]["path"].startswith("steps/d1/when")


def test_while_that_no_longer_holds_ends_the_timeline_and_calls_back(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD + "while: [{not: {is: {stage: 成交客户}}}]\n")
    pipeline.post("c1", "stage.changed", value="意向客户")
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    pipeline.post("c1", "stage.changed", value="成交客户")
    pipeline.work()
    assert (pipeline.timeline().state, pipeline.timeline().reason) == ("exited", "while_ended")
    assert pipeline.told() == [("d1", "cancelled", "timeline_ended")]


def test_touched_reads_what_another_sop_was_given(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD.replace("day: 1,", "day: 1, when: [{not: {touched: {sop: hello}}}],"), AT_ONCE)
    pipeline.tag("c1", "c2")
    pipeline.tag("c1", tag="new")
    pipeline.wait(minutes=1)
    pipeline.work()
    pipeline.wait_until(1)
    pipeline.work()
    assert [(each.ref, each.status) for each in pipeline.touches("d1")] == [("c1", "skipped"), ("c2", "sent")]


def test_many_due_at_once_are_planned_in_batches_until_none_is_left(pipeline: Pipeline) -> None:
    pipeline.wiring.planner._batch = 3
    pipeline.apply(LEAD)
    pipeline.tag(*(f"c{number}" for number in range(10)))
    pipeline.wait_until(1)
    assert pipeline.plan() == 10
    assert len({each.key for each in pipeline.touches()}) == 10


def test_two_sops_due_at_the_same_minute_are_planned_by_priority(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD, LEAD.replace("sop: lead", "sop: urgent\npriority: 90"))
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.plan()
    assert [each.sop for each in pipeline.touches()] == ["urgent", "lead"]


def test_a_channel_gone_from_engine_yaml_skips_and_says_so(pipeline: Pipeline) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.apply(LEAD.replace("channel: log", "channel: second"), engine=ENGINE.replace("log: {type: log}, ", ""))
    pipeline.wait_until(1)
    pipeline.plan()
    assert [each.channel for each in pipeline.touches()] == ["second"]
