"""Mending by hand: touches that failed are sent again under the same key, dead letters are matched anew or discarded."""

from __future__ import annotations

import pytest

from engine.core.errors import NotFound, SopError
from engine.core.matching import match
from engine.ports import Receipt
from tests.support.operating import WHO, audited, operations
from tests.support.pipeline import AT_ONCE, LEAD, Pipeline

# ── touches ──────────────────────────────────────────────────────────────────────────────────────────────────


def ended_as(pipeline: Pipeline, outcome: str, *customers: str, sop: str = AT_ONCE) -> list[int]:
    """Have a touch of each customer end so; return their ids."""
    pipeline.apply(sop)
    pipeline.tag(*(customers or ("c1",)), tag="new")
    pipeline.wait(minutes=1)
    pipeline.log.answers = [Receipt(outcome, "said so")] * max(1, len(customers))  # type: ignore[arg-type]  # one of the outcomes
    pipeline.plan()
    pipeline.send()
    return [each.id for each in pipeline.touches()]


@pytest.mark.parametrize("outcome", ["failed", "unknown"])
def test_a_touch_goes_again_under_the_same_key_with_its_tries_counted_anew(pipeline: Pipeline, outcome: str) -> None:
    (touch,) = ended_as(pipeline, outcome)
    (told,) = operations(pipeline).retrier.retry([touch], WHO)
    assert (told.verdict, told.status, told.customer, told.step) == ("queued", outcome, "c1", "hi")
    pipeline.work()
    assert pipeline.told() == [("hi", "sent", None)]
    first, second = pipeline.log.delivered
    assert (first.key, first.body, second.attempt) == (second.key, second.body, 1)


def test_a_touch_whose_timeline_is_completed_can_go_again(pipeline: Pipeline) -> None:
    (touch,) = ended_as(pipeline, "failed")
    pipeline.wait(hours=1)
    pipeline.work()
    assert pipeline.timeline().state == "completed"
    assert operations(pipeline).retrier.retry([touch], WHO)[0].done
    pipeline.work()
    assert pipeline.told() == [("hi", "sent", None)]


def test_a_touch_past_its_limit_is_not_sent(pipeline: Pipeline) -> None:
    (touch,) = ended_as(pipeline, "failed")
    pipeline.wait(hours=36)
    assert operations(pipeline).retrier.retry([touch], WHO)[0].verdict == "expired"
    assert pipeline.touch("hi").status == "failed"


def test_a_touch_whose_timeline_was_left_is_not_sent(pipeline: Pipeline) -> None:
    (touch,) = ended_as(pipeline, "failed")
    operations(pipeline).canceller.cancel(pipeline.timeline().id, WHO)
    assert operations(pipeline).retrier.retry([touch], WHO)[0].verdict == "ended"


def test_a_touch_that_was_sent_is_not_sent_again_and_an_unknown_id_is_told(pipeline: Pipeline) -> None:
    (touch,) = ended_as(pipeline, "sent")
    told = operations(pipeline).retrier.retry([touch, 9999, touch], WHO)
    assert [(each.touch, each.verdict) for each in told] == [(touch, "wrong_status"), (9999, "not_found")]
    assert len(pipeline.log.delivered) == 1
    assert audited(pipeline, "touch.retry") == []


def test_of_several_those_that_can_go_again_do_and_only_they_are_audited(pipeline: Pipeline) -> None:
    first, second = ended_as(pipeline, "failed", "c1", "c2")
    pipeline.run("update touches set limit_at = :now where id = :id", now=pipeline.clock.at, id=second)
    told = operations(pipeline).retrier.retry([second, first], WHO)
    assert [each.verdict for each in told] == ["expired", "queued"]
    assert audited(pipeline, "touch.retry") == [{"who": WHO, "touches": [first]}]


def test_asked_twice_it_is_queued_once(pipeline: Pipeline) -> None:
    (touch,) = ended_as(pipeline, "failed")
    verdicts = [operations(pipeline).retrier.retry([touch], WHO)[0].verdict for _ in range(2)]
    assert verdicts == ["queued", "wrong_status"]


def test_what_is_known_to_have_arrived_is_noted_as_sent(pipeline: Pipeline) -> None:
    unknown, failed = ended_as(pipeline, "unknown", "c1", "c2")
    pipeline.run("update touches set status = 'failed' where id = :id", id=failed)
    told = operations(pipeline).retrier.retry([unknown, failed], WHO, mark_sent=True)
    assert [each.verdict for each in told] == ["sent", "wrong_status"]
    assert [each.status for each in pipeline.touches()] == ["sent", "failed"]
    assert len(pipeline.log.delivered) == 2
    assert audited(pipeline, "touch.mark_sent") == [{"who": WHO, "touches": [unknown]}]


# ── dead letters ─────────────────────────────────────────────────────────────────────────────────────────────


def dead_letter(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> int:
    """Have an event that starts `lead` for c1 set aside."""
    pipeline.apply(LEAD)

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as broken:
        broken.setattr(match, "decide_entry", fail)
        pipeline.post("c1", "tag.added", tag="vip")
        while not pipeline.dead_letters():
            pipeline.match()
    pipeline.match_all()
    (letter,) = operations(pipeline).dead_letters.newest()
    assert (letter.subject, letter.type, letter.data) == ("c1", "tag.added", {"tag": "vip"})
    return int(letter.id)


def test_a_replayed_event_is_matched_as_if_for_the_first_time(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter(pipeline, monkeypatch)
    assert pipeline.timelines() == []
    event = operations(pipeline).dead_letters.replay(letter, WHO)
    pipeline.match_all()
    assert pipeline.event(event).outcome["started"][0]["sop"] == "lead"
    assert pipeline.event(event).attempts == 0
    assert (len(pipeline.timelines()), pipeline.dead_letters()) == (1, [])
    (line,) = audited(pipeline, "dead_letter.replay")
    assert (line["who"], line["letter"], line["customer"]) == (WHO, letter, "c1")


def test_a_discarded_letter_is_gone_and_its_event_stays_as_it_is(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter(pipeline, monkeypatch)
    operations(pipeline).dead_letters.discard(letter, WHO)
    assert pipeline.match_all() == 0
    assert (pipeline.dead_letters(), pipeline.timelines()) == ([], [])
    (line,) = audited(pipeline, "dead_letter.discard")
    assert "broken" in line["error"]
    with pytest.raises(NotFound, match="no dead letter has the id"):
        operations(pipeline).dead_letters.discard(letter, WHO)


def test_a_loop_that_was_cut_cannot_be_replayed_and_stays(pipeline: Pipeline) -> None:
    pipeline.run(
        "insert into dead_letters (kind, ref, subject, error, at) values ('cascade', 'x', 'c1', 'a → b → a', now())"
    )
    (letter,) = operations(pipeline).dead_letters.newest()
    with pytest.raises(SopError, match="a → b → a"):
        operations(pipeline).dead_letters.replay(letter.id, WHO)
    assert len(pipeline.dead_letters()) == 1
    assert audited(pipeline, "dead_letter.replay") == []
