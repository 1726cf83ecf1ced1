"""Taking events into the inbox: order, duplicates, conflicts, what is refused, and hints that may fail."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from engine.adapters.hint_queue import BestEffortHints
from engine.clocks import VirtualClock
from engine.core.errors import EventError
from engine.core.events.event import Event
from engine.core.events.parse import parse_with_hash
from engine.ports import Hint
from engine.services.pipeline.ingest import MAX_WARNINGS, Ingest, RawEvent, UnreadableEvent
from engine.store.database import DatabaseUnavailable, Row, connect, rows, transaction
from engine.store.state import events as store

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)


class Hints:
    """A queue that remembers what it was asked, and fails or hangs when told to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.broken = False
        self.released = threading.Event()
        self.released.set()

    def look_at(self, subjects: Sequence[str], *, careful: bool = False) -> None:
        self.asked.append(list(subjects))
        self.released.wait()
        if self.broken:
            raise ConnectionError("the queue is away")

    def look_for_due(self) -> None: ...

    def take(self, limit: int, wait: float) -> list[Hint]:
        return []

    def done(self, ids: Sequence[str]) -> None: ...

    def length(self) -> int:
        return 0


@pytest.fixture
def hints() -> Hints:
    return Hints()


@pytest.fixture
def ingest(engine: Engine, hints: Hints) -> Ingest:
    return Ingest(engine, VirtualClock(NOW), BestEffortHints(hints, patience=1.0, pause=5.0), lambda event: [])


def raw(number: int, **changed: Any) -> dict[str, Any]:
    return {"source": "crm", "id": f"e-{number}", "type": "visit", "subject": f"c-{number % 3}", **changed}


def posted(*raws: Any) -> list[tuple[int, Any]]:
    return list(enumerate(raws))


def inbox(engine: Engine) -> list[Row]:
    with transaction(engine) as connection:
        return rows(connection, "select * from events order by id")


def rejected(engine: Engine) -> list[Row]:
    with transaction(engine) as connection:
        return rows(connection, "select * from rejected_events order by id")


def test_events_lie_in_the_inbox_in_the_order_posted(ingest: Ingest, engine: Engine) -> None:
    order = [5, 3, 9, 1, 7, *range(100, 1100)]
    answer = ingest.accept(posted(*[raw(number) for number in order]))
    assert (answer.accepted, answer.duplicates, answer.rejected) == (len(order), 0, [])
    assert [row.event_id for row in inbox(engine)] == [f"e-{number}" for number in order]
    assert answer.ids == [row.id for row in inbox(engine)]


def test_what_is_stored_is_what_was_read(ingest: Ingest, engine: Engine) -> None:
    ingest.accept(posted(raw(1, time="2026-03-01T09:00:00+08:00", data={"n": [1, None, "二"]})), backfill=True)
    (row,) = inbox(engine)
    assert (row.source, row.type, row.subject, row.data) == ("crm", "visit", "c-1", {"n": [1, None, "二"]})
    assert (row.time, row.received_at, row.backfill) == (datetime(2026, 3, 1, 1, tzinfo=UTC), NOW, True)
    assert row.matched_at is None and row.depth == 0 and row.cause is None


@pytest.mark.parametrize(
    "nasty", ['a"b', "a\\b", "{a,b}", "NULL", "\\x00", " a ", "'; drop table events --", "客户,1", "😀"]
)
def test_no_character_is_lost_or_changed_on_the_way(ingest: Ingest, engine: Engine, nasty: str) -> None:
    assert ingest.accept(posted(raw(1, id=nasty, source=nasty, subject=nasty, data={nasty: [nasty]}))).accepted == 1
    (row,) = inbox(engine)
    assert (row.source, row.event_id, row.subject, row.data) == (nasty, nasty, nasty, {nasty: [nasty]})
    assert ingest.accept(posted(raw(1, id=nasty, source=nasty, subject=nasty, data={nasty: [nasty]}))).duplicates == 1


def test_the_same_again_is_a_duplicate(ingest: Ingest, engine: Engine) -> None:
    first = ingest.accept(posted(raw(1)))
    again = ingest.accept(posted(raw(1), raw(2), raw(2)))
    assert (again.accepted, again.duplicates, again.rejected) == (1, 2, [])
    assert len(inbox(engine)) == 2
    assert again.ids[0] == first.ids[0]


def test_another_body_under_the_same_id_is_refused(ingest: Ingest, engine: Engine) -> None:
    ingest.accept(posted(raw(1)))
    answer = ingest.accept(posted(raw(1, type="checkin"), raw(2), raw(2, subject="other")))
    assert answer.accepted == 1
    assert [(each.index, each.id) for each in answer.rejected] == [(0, "e-1"), (2, "e-2")]
    assert "give a changed event a new id" in answer.rejected[0].error
    assert [row.type for row in inbox(engine)] == ["visit", "visit"]


def test_the_same_id_of_another_source_is_another_event(ingest: Ingest) -> None:
    assert ingest.accept(posted(raw(1), raw(1, source="shop"))).accepted == 2


def test_the_valid_ones_are_taken_and_the_others_kept_with_their_reason(ingest: Ingest, engine: Engine) -> None:
    unreadable = UnreadableEvent("not JSON: line 1", "{oops")
    answer = ingest.accept(
        posted(raw(1), raw(2, subject=""), unreadable, EventError("no"), {"id": "\ud800\x00"}, 7, raw(3))
    )
    assert answer.accepted == 2
    assert [each.index for each in answer.rejected] == [1, 2, 3, 4, 5]
    kept = rejected(engine)
    assert [row.event_id for row in kept][:2] == ["e-2", None]
    assert kept[0].source == "crm" and '"id":"e-2"' in kept[0].body and kept[1].body == "{oops"


def test_only_the_newest_refused_events_are_kept_and_cut(
    ingest: Ingest, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "KEPT_REJECTED", 5)
    ingest.accept(posted(*[raw(number, subject="", data={"x": "文" * 5000}) for number in range(8)]))
    ingest.accept(posted(raw(9, subject="")))
    kept = rejected(engine)
    assert [row.event_id for row in kept] == ["e-4", "e-5", "e-6", "e-7", "e-9"]
    assert len(kept[0].body.encode()) <= store.MAX_REJECTED_BODY


def test_customers_with_new_events_are_hinted_once_each(ingest: Ingest, hints: Hints) -> None:
    ingest.accept(posted(raw(1), raw(2), raw(4), raw(3, type="Bad")))
    ingest.accept(posted(raw(1)))
    assert hints.asked == [["c-1", "c-2"]]


def test_a_hint_is_given_after_the_commit(engine: Engine) -> None:
    seen: list[int] = []

    class Looking(Hints):
        def look_at(self, subjects: Sequence[str], *, careful: bool = False) -> None:
            seen.append(len(inbox(engine)))

    Ingest(engine, VirtualClock(NOW), Looking(), lambda event: []).accept(posted(raw(1), raw(2)))
    assert seen == [2]


def test_a_failing_queue_fails_no_call_and_is_left_alone_for_a_while(
    ingest: Ingest, engine: Engine, hints: Hints
) -> None:
    hints.broken = True
    assert ingest.accept(posted(raw(1))).accepted == 1
    assert ingest.accept(posted(raw(2))).accepted == 1
    assert len(inbox(engine)) == 2 and len(hints.asked) == 1


def test_a_hanging_queue_holds_no_call_up(ingest: Ingest, hints: Hints) -> None:
    hints.released.clear()
    try:
        assert ingest.accept(posted(raw(1))).accepted == 1
        assert ingest.accept(posted(raw(2))).accepted == 1
    finally:
        hints.released.set()
    assert len(hints.asked) == 1


def test_of_a_batch_the_database_refuses_only_the_guilty_one_is_rejected(ingest: Ingest, engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(
            text("""
            create function refuse_guilty() returns trigger language plpgsql as
            $$ begin if new.subject = 'guilty' then raise exception 'bad value' using errcode = '22P05'; end if; return new; end $$;
            create trigger guilty before insert on events for each row execute function refuse_guilty();
        """)
        )
    answer = ingest.accept(posted(raw(1), raw(2, subject="guilty"), raw(3), raw(3), raw(2, subject="guilty")))
    assert (answer.accepted, answer.duplicates) == (2, 1)
    assert [each.index for each in answer.rejected] == [1, 4]
    assert "bad value" in answer.rejected[0].error
    assert [row.event_id for row in inbox(engine)] == ["e-1", "e-3"]
    assert len(rejected(engine)) == 2


def test_batches_that_overlap_in_opposite_order_lose_and_double_nothing(ingest: Ingest, engine: Engine) -> None:
    numbers = list(range(400))
    batches = [numbers, numbers[::-1]] * 3
    with ThreadPoolExecutor(len(batches)) as threads:
        answers = list(threads.map(lambda batch: ingest.accept(posted(*[raw(n) for n in batch])), batches))
    assert sum(answer.accepted for answer in answers) == len(numbers) == len(inbox(engine))
    assert sum(answer.duplicates for answer in answers) == 5 * len(numbers)


def test_a_deadlock_is_answered_by_trying_the_whole_again(ingest: Ingest, engine: Engine) -> None:
    with ThreadPoolExecutor(1) as thread, transaction(engine) as other:
        other.execute(text("set local deadlock_timeout = '20s'"))  # so that the call under test is the one to give way
        store.insert(other, [parse_with_hash(raw(2), NOW)])
        answer = thread.submit(ingest.accept, posted(raw(1), raw(2), raw(3)))
        deadline = monotonic() + 90
        with transaction(engine) as looking:
            while not rows(looking, "select 1 from pg_locks where not granted"):
                assert monotonic() < deadline and not answer.done()
        store.insert(other, [parse_with_hash(raw(1), NOW)])
        other.commit()
        assert (answer.result().accepted, answer.result().duplicates) == (1, 2)
    assert [row.event_id for row in inbox(engine)] == ["e-2", "e-1", "e-3"]


def test_warnings_name_the_event_and_are_bounded(engine: Engine, hints: Hints) -> None:
    def warn(event: Event) -> list[str]:
        return ["budget was dropped"] if event.data else []

    ingest = Ingest(engine, VirtualClock(NOW), hints, warn)
    assert ingest.accept(posted(raw(1, data={"budget": "x"}))).warnings == ["budget was dropped"]
    many = ingest.accept(posted(*[raw(n, data={"budget": "x"}) for n in range(2, 302)])).warnings
    assert many[0] == "event 0 (e-2): budget was dropped"
    assert len(many) == MAX_WARNINGS + 1 and many[-1] == "and 200 more warnings"


def test_each_of_several_posts_gets_its_own_result(ingest: Ingest, engine: Engine) -> None:
    backfilled = RawEvent(raw(2), backfill=True)
    results = ingest.accept_each(
        [RawEvent(raw(1)), backfilled, RawEvent(raw(1)), RawEvent(raw(2, type="X")), RawEvent(raw(1, type="checkin"))]
    )
    assert [result.verdict for result in results] == ["accepted", "accepted", "duplicate", "invalid", "conflict"]
    assert [row.backfill for row in inbox(engine)] == [False, True]


def test_without_a_database_nothing_is_taken(hints: Hints) -> None:
    away = connect("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable):
        Ingest(away, VirtualClock(NOW), hints, lambda event: []).accept(posted(raw(1)))
    assert hints.asked == []


def test_a_connection_ended_by_the_server_takes_nothing_and_the_next_call_works(
    ingest: Ingest, engine: Engine, database_url: str, hints: Hints
) -> None:
    ingest.accept(posted(raw(1)))
    other = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        connection.execute(
            text("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sop'")
        )
    other.dispose()
    assert ingest.accept(posted(raw(2))).accepted == 1
    assert [row.event_id for row in inbox(engine)] == ["e-1", "e-2"]
