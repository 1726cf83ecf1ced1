"""The database: what it refuses by itself, what happens when it goes away, and its schema."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from engine.store import schema
from engine.store.database import DatabaseUnavailable, connect, retrying, rows, run, scalar, transaction

TIMELINE = """insert into timelines (customer_id, sop, version, key, group_name, priority, anchor, start_id, event, state, ended_at, due_at,
                                     started_at)
              values (1, :sop, 1, :key, :group, 50, now(), 'crm/1', '{}', :state, case when :state <> 'active' then now() end,
                      now(), now())"""
TOUCH = """insert into touches (timeline_id, customer_id, sop, version, step, kind, channel, status, due_at, planned_at, ready_at,
                                send_before, limit_at, key, body, lease_until, sent_at)
           values (1, 1, 'lead', 1, :step, :kind, :channel, :status, now(), now(), now(), now(), now(), 'k', '{}', null, null)"""


@pytest.fixture
def filled(engine: Engine) -> Iterator[Engine]:
    """One customer in one timeline with one queued touch."""
    with transaction(engine) as connection:
        run(connection, "insert into customers (ref) values ('c1')")
        timeline(connection)
        touch(connection)
    yield engine


def timeline(
    connection: Connection, sop: str = "lead", key: str = "", group: str | None = "g", state: str = "active"
) -> None:
    run(connection, TIMELINE, sop=sop, key=key, group=group, state=state)


def touch(
    connection: Connection, step: str = "d1", kind: str = "message", channel: str | None = "log", status: str = "queued"
) -> None:
    run(connection, TOUCH, step=step, kind=kind, channel=channel, status=status)


@pytest.mark.parametrize(
    ("constraint", "breaking"),
    [
        ("timelines_one_per_key", lambda c: timeline(c, group=None)),
        ("timelines_one_per_group", lambda c: timeline(c, sop="other")),
        ("timelines_state_check", lambda c: timeline(c, sop="x", group=None, state="finished")),
        ("timelines_check", lambda c: run(c, "update timelines set ended_at = now()")),
        ("touches_once", lambda c: touch(c)),
        ("touches_status_check", lambda c: touch(c, "x", status="done")),
        ("touches_kind_check", lambda c: touch(c, "x", kind="fax")),
        ("touches_check", lambda c: touch(c, "x", status="sending")),
        ("touches_check1", lambda c: touch(c, "x", status="sent")),
        ("touches_check2", lambda c: touch(c, "x", channel=None)),
        ("customers_ref_key", lambda c: run(c, "insert into customers (ref) values ('c1')")),
        ("pauses_kind_check", lambda c: run(c, "insert into pauses values ('some', 'x', now())")),
    ],
)
def test_illegal_rows_are_refused(filled: Engine, constraint: str, breaking: object) -> None:
    with pytest.raises(IntegrityError) as refused, transaction(filled) as connection:
        breaking(connection)  # type: ignore[operator]  # each is called with a connection
    assert refused.value.orig.diag.constraint_name == constraint  # type: ignore[union-attr]  # a psycopg error


def test_what_looks_alike_but_is_legal_is_taken(filled: Engine) -> None:
    with transaction(filled) as connection:
        timeline(connection, key="order-2", group=None)
        timeline(connection, state="exited")
        touch(connection, "d3", status="skipped", channel=None)


def test_an_event_is_taken_once_per_source_and_id(engine: Engine) -> None:
    insert = """insert into events (source, event_id, type, subject, time, received_at, body_hash)
                values (:source, '1', 'visit', 'c1', now(), now(), '')"""
    with transaction(engine) as connection:
        run(connection, insert, source="crm")
        run(connection, insert, source="shop")
    with pytest.raises(IntegrityError), transaction(engine) as connection:
        run(connection, insert, source="crm")


@pytest.mark.parametrize("table", ["definitions", "audit"])
@pytest.mark.parametrize("change", ["update {} set id = id", "delete from {}"])
def test_definitions_and_audit_are_append_only(engine: Engine, table: str, change: str) -> None:
    with transaction(engine) as connection:
        run(
            connection,
            "insert into definitions (name, version, hash, body, created_at) values ('engine.yaml', 1, 'h', 'b', now())",
        )
        run(connection, "insert into audit (at, who, action) values (now(), 'me', 'x')")
    with pytest.raises(DBAPIError, match=f"{table} is append-only"), transaction(engine) as connection:
        if change.startswith("update"):
            column = "body = 'other'" if table == "definitions" else "who = 'other'"
            run(connection, f"update {table} set {column}")
        else:
            run(connection, change.format(table))


# ── when it goes away ────────────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_does_not_answer_is_told_as_such() -> None:
    engine = connect("postgres://sop@127.0.0.1:1/sop")
    with pytest.raises(DatabaseUnavailable, match="SOP_DATABASE_URL"), transaction(engine):
        pass
    engine.dispose()


def test_a_session_killed_midway_is_told_as_such_and_the_next_one_works(engine: Engine, database_url: str) -> None:
    killer = connect(database_url)
    with pytest.raises(DatabaseUnavailable), transaction(engine) as connection:
        run(connection, "insert into customers (ref) values ('c1')")
        pid = scalar(connection, "select pg_backend_pid()")
        with transaction(killer) as other:
            run(other, "select pg_terminate_backend(:pid, 5000)", pid=pid)
        rows(connection, "select 1")
    with transaction(engine) as connection:
        assert rows(connection, "select 1 from customers") == []
    killer.dispose()


def test_a_session_killed_before_the_commit_is_told_as_such(engine: Engine, database_url: str) -> None:
    killer = connect(database_url)
    with pytest.raises(DatabaseUnavailable), transaction(engine) as connection:
        pid = scalar(connection, "select pg_backend_pid()")
        with transaction(killer) as other:
            run(other, "select pg_terminate_backend(:pid, 5000)", pid=pid)
    killer.dispose()


def test_a_server_that_only_reads_counts_as_away(engine: Engine) -> None:
    with pytest.raises(DatabaseUnavailable), transaction(engine) as connection:
        run(connection, "set transaction read only")
        run(connection, "insert into customers (ref) values ('c1')")


def test_a_wrong_statement_or_value_does_not_look_like_an_outage(engine: Engine) -> None:
    with pytest.raises(ProgrammingError), transaction(engine) as connection:
        run(connection, "select from nowhere")
    with pytest.raises(DBAPIError) as refused, transaction(engine) as connection:
        run(connection, "insert into customers (ref) values (:ref)", ref="a\x00b")
    assert not isinstance(refused.value, DatabaseUnavailable)


def test_only_conflicts_are_tried_again(engine: Engine) -> None:
    tries: list[str] = []

    def failing(state: str) -> None:
        def work(connection: Connection) -> None:
            tries.append(state)
            run(connection, f"do $$ begin raise exception 'x' using errcode = '{state}'; end $$")

        with pytest.raises(DBAPIError):
            retrying(engine, work, tries=3)

    for state in ("40P01", "40001", "23505", "22012"):
        failing(state)
    assert tries == ["40P01"] * 3 + ["40001"] * 3 + ["23505", "22012"]


def test_no_session_waits_for_ever(engine: Engine) -> None:
    with transaction(engine) as connection:
        settings = [
            scalar(connection, f"show {name}")
            for name in ("timezone", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert settings == ["UTC", "10s", "1min"]


# ── schema ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """The same database with nothing in it."""
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    yield engine
    engine.dispose()


def test_upgrading_brings_an_empty_database_to_the_newest_schema(empty: Engine) -> None:
    assert schema.current(empty) is None
    schema.upgrade(empty)
    schema.upgrade(empty)
    assert schema.current(empty) == schema.head() != ""


def test_of_processes_that_upgrade_at_once_all_find_it_done(empty: Engine, database_url: str) -> None:
    engines = [connect(database_url, pool_size=2) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(schema.upgrade, engines))
    assert {schema.current(engine) for engine in engines} == {schema.head()}
    for engine in engines:
        engine.dispose()
