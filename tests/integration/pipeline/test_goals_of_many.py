"""Goals through the real pipeline: for which of several timelines, under which definitions, in which arm."""

from __future__ import annotations

from collections import Counter

from tests.support.goals import GOAL, THANKS, buy, complete, days, ends, lead
from tests.support.pipeline import START, Pipeline

# ── several timelines ────────────────────────────────────────────────────────────────────────────────────────


def test_each_run_of_a_restarted_sop_counts_on_its_own(pipeline: Pipeline) -> None:
    """The first run's time is over when the customer buys, the second's is not."""
    pipeline.apply(lead("{event: {type: purchase}, within: 5d}", "reentry: restart"))
    pipeline.tag("c1")
    pipeline.wait_until(2)
    pipeline.post("c1", "tag.removed", tag="vip")
    pipeline.tag("c1")
    pipeline.wait_until(6)
    buy(pipeline)
    assert ends(pipeline) == [("exited", "restarted", None), ("converted", "goal", days(6))]


def test_one_purchase_converts_every_run_whose_time_it_falls_in(pipeline: Pipeline) -> None:
    pipeline.apply(lead(GOAL, "reentry: restart"))
    pipeline.tag("c1")
    pipeline.wait_until(2)
    pipeline.post("c1", "tag.removed", tag="vip")
    pipeline.tag("c1")
    buy(pipeline)
    assert ends(pipeline) == [("exited", "restarted", days(2)), ("converted", "goal", days(2))]


def test_a_run_after_the_conversion_is_a_new_one(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    buy(pipeline)
    pipeline.wait_until(2)
    pipeline.post("c1", "tag.removed", tag="vip")
    pipeline.tag("c1")
    assert ends(pipeline) == [("converted", "goal", START), ("active", None, None)]
    buy(pipeline, order="B")
    assert ends(pipeline) == [("converted", "goal", START), ("converted", "goal", days(2))]


def test_of_two_orders_those_convert_that_began_before_the_goal(pipeline: Pipeline) -> None:
    """A goal is the customer's: it does not ask for the key. What began later has not converted by it."""
    keyed = lead("{event: {type: review}, within: 30d}", "key: event.data.order").replace(
        "tag_added: vip", "event: {type: order.signed}"
    )
    pipeline.apply(keyed)
    pipeline.post("c1", "order.signed", order="A")
    pipeline.post("c1", "order.signed", order="B", at=START)
    pipeline.wait_until(2)
    pipeline.post("c1", "order.signed", order="C")
    pipeline.post("c1", "review", at=days(1), order="A")
    pipeline.match_all()
    assert [(each.key, each.converted_at) for each in pipeline.timelines()] == [
        ("A", days(1)),
        ("B", days(1)),
        ("C", None),
    ]


# ── definitions changed in between ───────────────────────────────────────────────────────────────────────────


def test_a_changed_time_holds_for_those_in_flight(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    assert pipeline.timeline().goal_until == days(30)
    pipeline.apply(lead("{event: {type: purchase}, within: 7d}"))
    assert pipeline.timeline().goal_until == days(7)
    complete(pipeline)
    pipeline.wait_until(8)
    buy(pipeline)
    assert pipeline.timeline().converted_at is None


def test_those_that_had_ended_keep_the_time_they_ended_with(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    complete(pipeline)
    pipeline.apply(lead("{event: {type: purchase}, within: 7d}"))
    assert pipeline.timeline().goal_until == days(30)
    pipeline.wait_until(8)
    buy(pipeline)
    assert pipeline.timeline().converted_at == days(8)


def test_a_goal_added_later_counts_for_those_in_flight(pipeline: Pipeline) -> None:
    pipeline.apply(lead().replace(f"goal: {GOAL}\n", ""))
    pipeline.tag("c1")
    pipeline.apply(lead())
    buy(pipeline)
    assert ends(pipeline) == [("converted", "goal", START)]


def test_a_removed_goal_counts_no_more(pipeline: Pipeline) -> None:
    pipeline.apply(lead())
    pipeline.tag("c1")
    pipeline.apply(lead().replace(f"goal: {GOAL}\n", ""))
    buy(pipeline)
    assert ends(pipeline) == [("active", None, None)]
    assert pipeline.timeline().goal_until is None


def test_a_removed_sop_has_no_goal_any_more(pipeline: Pipeline) -> None:
    pipeline.apply(lead(), THANKS)
    pipeline.tag("c1")
    pipeline.apply(THANKS)
    buy(pipeline)
    assert ends(pipeline) == [("exited", "sop_removed", None)]


# ── the holdout ──────────────────────────────────────────────────────────────────────────────────────────────


def test_those_held_out_are_sent_nothing_and_convert_like_the_others(pipeline: Pipeline) -> None:
    pipeline.apply(lead(GOAL, "holdout: 50%"))
    refs = [f"c{number}" for number in range(20)]
    pipeline.tag(*refs)
    pipeline.wait_until(1)
    pipeline.work()
    for ref in refs:
        buy(pipeline, subject=ref)
    arms = {each.ref: each.holdout for each in pipeline.timelines()}
    assert set(arms.values()) == {True, False}
    assert {each.customer for each in pipeline.log.delivered} == {ref for ref, held in arms.items() if not held}
    assert {each.ref for each in pipeline.touches() if each.reason == "holdout"} == {
        ref for ref, held in arms.items() if held
    }
    assert Counter(ends(pipeline)) == {("converted", "goal", days(1)): 20}


def test_a_customer_stays_in_their_arm_whatever_text_the_steps_have_and_through_each_reentry(
    pipeline: Pipeline,
) -> None:
    refs = [f"c{number}" for number in range(20)]
    arms = []
    for text in ("第一天", "改过的字"):
        pipeline.apply(lead(GOAL, "holdout: 50%", "reentry: restart").replace("第一天", text))
        pipeline.tag(*refs)
        arms.append([pipeline.timelines()[-20:][number].holdout for number in range(20)])
        for ref in refs:
            pipeline.post(ref, "tag.removed", tag="vip")
        pipeline.match_all()
        pipeline.wait(hours=1)
    assert arms[0] == arms[1]
