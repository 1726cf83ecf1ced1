"""Test-sends: the step as delivery would send it, through the real channel, counting for nothing."""

from __future__ import annotations

import pytest

from engine.core.errors import MissingValue, NotFound, SopError
from engine.ports import Receipt
from engine.services.operations.trial_send import Trial
from engine.store.state.pauses import Scope
from tests.support.operating import WHO, audited, operations
from tests.support.pipeline import ENGINE, Pipeline

SHOWN = """
sop: shown
title: 展示
trigger: [{tag_added: vip}]
defaults: {at: "10:00", channel: [log, second]}
steps:
  - {id: d1, day: 1, message: {text: "{{ customer.name }}，您好"}}
  - id: d3
    day: 3
    variants:
      - {id: rich, when: [{attr: {budget: {gte: 100}}}], message: {text: 贵宾}}
      - {id: plain, when: [{not: {attr: {budget: {gte: 100}}}}], message: {text: 您好}}
  - {id: done, day: 4, do: [{add_tag: 完}]}
"""


@pytest.fixture
def shown(pipeline: Pipeline) -> Pipeline:
    """The SOP `shown`, and its customer c1."""
    pipeline.apply(SHOWN, engine=ENGINE + "caps: [{max: 1, per: 1d}]\n")
    pipeline.post("c1", "customer.updated", attributes={"name": "王女士", "budget": 500})
    pipeline.tag("c1")
    return pipeline


def test_it_is_rendered_and_sent_at_once_and_the_receipt_is_told(shown: Pipeline) -> None:
    shown.log.answers = [Receipt("sent", "taken", provider_id="p-1")]
    told = operations(shown).trial_sender.send(Trial("shown", "d1", "c1"), WHO)
    assert (told.body, told.channel, told.outcome, told.detail, told.provider_id, told.in_sop) == (
        {"text": "王女士，您好"}, "log", "sent", "taken", "p-1", True,
    )  # fmt: skip
    (delivery,) = shown.log.delivered
    assert (delivery.customer, delivery.sop, delivery.step, delivery.body) == ("c1", "shown", "d1", told.body)
    assert delivery.key.startswith("test-")


def test_it_counts_for_nothing(shown: Pipeline) -> None:
    shown.wait_until(1, at="09:00")
    for _ in range(3):
        operations(shown).trial_sender.send(Trial("shown", "d1", "c1"), WHO)
    assert shown.touches() == []
    shown.wait_until(1)
    shown.work()
    assert shown.told() == [("d1", "sent", None)]
    assert len({each.key for each in shown.log.delivered}) == len(shown.log.delivered) - 2  # one moment, one key


def test_the_variant_is_the_customers_own_or_the_one_asked_for(shown: Pipeline) -> None:
    trying = operations(shown).trial_sender
    assert trying.send(Trial("shown", "d3", "c1"), WHO).variant == "rich"
    assert trying.send(Trial("shown", "d3", "c1", variant="plain"), WHO).body == {"text": "您好"}


def test_the_channel_is_the_one_delivery_would_choose_or_the_one_asked_for(shown: Pipeline) -> None:
    trying = operations(shown).trial_sender
    assert trying.send(Trial("shown", "d1", "c1", channel="second"), WHO).channel == "second"
    operations(shown).opt_outs.opt("c1", WHO, channel="log")
    shown.match_all()
    assert trying.send(Trial("shown", "d1", "c1"), WHO).channel == "second"


def test_who_is_not_in_the_sop_gets_it_as_if_it_started_now(shown: Pipeline) -> None:
    shown.post("c2", "customer.updated", attributes={"name": "李先生"})
    shown.match_all()
    told = operations(shown).trial_sender.send(Trial("shown", "d1", "c2"), WHO)
    assert (told.in_sop, told.body) == (False, {"text": "李先生，您好"})
    assert [each.ref for each in shown.timelines()] == ["c1"]


def test_it_is_audited_before_and_after(shown: Pipeline) -> None:
    shown.log.answers = [Receipt("failed", "status 400")]
    operations(shown).trial_sender.send(Trial("shown", "d1", "c1"), WHO)
    (before,), (after,) = audited(shown, "test_send"), audited(shown, "test_send.result")
    assert (before["who"], before["customer"], before["step"], before["channel"]) == (WHO, "c1", "d1", "log")
    assert (after["key"], after["outcome"], after["detail"]) == (before["key"], "failed", "status 400")


def test_a_value_that_is_missing_is_named_and_nothing_is_sent(shown: Pipeline) -> None:
    shown.post("c2", "visit")
    shown.match_all()
    with pytest.raises(MissingValue, match="name"):
        operations(shown).trial_sender.send(Trial("shown", "d1", "c2"), WHO)
    assert shown.log.delivered == []
    assert audited(shown, "test_send") == []


def test_who_has_opted_out_gets_no_test_either(shown: Pipeline) -> None:
    operations(shown).opt_outs.opt("c1", WHO)
    shown.match_all()
    with pytest.raises(SopError, match="has opted out of log, second"):
        operations(shown).trial_sender.send(Trial("shown", "d1", "c1"), WHO)
    assert shown.log.delivered == []


@pytest.mark.parametrize("scope", [Scope("channel", "log"), Scope("all")], ids=lambda scope: scope.kind)
def test_a_paused_channel_sends_no_test(shown: Pipeline, scope: Scope) -> None:
    operations(shown).pauser.pause(scope, WHO)
    with pytest.raises(SopError, match="is paused"):
        operations(shown).trial_sender.send(Trial("shown", "d1", "c1"), WHO)


def test_a_paused_sop_can_be_tested(shown: Pipeline) -> None:
    operations(shown).pauser.pause(Scope("sop", "shown"), WHO)
    assert operations(shown).trial_sender.send(Trial("shown", "d1", "c1"), WHO).outcome == "sent"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"sop": "shwn"}, "Did you mean `shown`?"),
        ({"step": "d11"}, "Did you mean `d1`?"),
        ({"ref": "c11"}, "Did you mean `c1`?"),
        ({"channel": "secnd"}, "Did you mean `second`?"),
        ({"step": "d3", "variant": "ritch"}, "Did you mean `rich`?"),
        ({"variant": "rich"}, "has no variants"),
        ({"step": "done"}, "sends nothing"),
    ],
)
def test_what_cannot_be_sent_is_refused(shown: Pipeline, asked: dict[str, str], said: str) -> None:
    values = {"sop": "shown", "step": "d1", "ref": "c1"} | asked
    with pytest.raises(NotFound if "mean" in said or "variants" in said else SopError) as refused:
        operations(shown).trial_sender.send(Trial(**values), WHO)
    assert said in str(refused.value)
    assert shown.log.delivered == []
