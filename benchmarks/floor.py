"""The floor: the engine's steps in hand-written SQL, one process, no checks. What throughput is compared with.

inbox: insert events (unique source and id), commit, XADD. match: read the stream, lock the customers, read their unmatched
events, write tags and timelines, mark the events, commit, XACK. plan: lock due customers, insert touches, move timelines, commit.
send: claim queued touches, commit, record them as sent, commit.

    PGDSN=postgresql://… REDIS=redis://… python -m benchmarks.floor [events] [batch] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import redis

SCHEMA = """
drop table if exists ev, cu, tg, tl, tou;
create table ev (id bigint generated always as identity primary key, source text, ext text, type text, subject text, at timestamptz,
    received timestamptz default now(), data jsonb, matched timestamptz, unique (source, ext));
create index on ev (subject, id) where matched is null;
create table cu (id bigint generated always as identity primary key, ref text unique, stage text, attrs jsonb, tz text,
    last_active timestamptz);
create table tg (customer bigint, tag text, set_at timestamptz, removed_at timestamptz, primary key (customer, tag));
create table tl (id bigint generated always as identity primary key, sop text, version int, customer bigint, anchor timestamptz,
    step text, due timestamptz, status text);
create unique index on tl (customer, sop) where status = 'active';
create index on tl (due, id) where status = 'active';
create table tou (id bigint generated always as identity primary key, tl bigint, step text, customer bigint, sop text, channel text,
    status text, due timestamptz, planned timestamptz default now(), sent timestamptz, body text, unique (tl, step));
create index on tou (customer, planned);
create index on tou (channel, planned, id) where status = 'queued';
"""


@dataclass
class Floor:
    """Both connections, and how much is done in one go."""

    c: psycopg.Connection[Any]
    r: Any
    n: int
    batch: int
    now: datetime

    def prepare(self) -> None:
        self.c.execute(SCHEMA)
        self.c.commit()
        self.r.delete("s")

    def inbox(self) -> None:
        for k in range(0, self.n, self.batch):
            x = range(k, min(self.n, k + self.batch))
            ids = self.c.execute(
                """insert into ev (source, ext, type, subject, at, data)
                   select 'crm', * from unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::jsonb[])
                   on conflict do nothing returning subject""",
                (
                    [f"e{i}" for i in x],
                    ["tag.added"] * len(x),
                    [f"c{i}" for i in x],
                    [self.now] * len(x),
                    [json.dumps({"tag": "vip", "by": "sales"})] * len(x),
                ),
            ).fetchall()
            self.c.commit()
            pipeline = self.r.pipeline(transaction=False)
            for (subject,) in ids:
                pipeline.xadd("s", {"c": subject})
            pipeline.execute()
        self.r.xgroup_create("s", "g", id="0")

    def match(self) -> None:
        while entries := self.r.xreadgroup("g", "w", {"s": ">"}, count=self.batch):
            (messages,) = [each[1] for each in entries]
            self._match_batch(sorted({fields[b"c"].decode() for _, fields in messages}))
            self.r.xack("s", "g", *[entry for entry, _ in messages])
            self.r.xdel("s", *[entry for entry, _ in messages])

    def _match_batch(self, refs: list[str]) -> None:
        c, now = self.c, self.now
        c.execute(
            """insert into cu (ref, stage, attrs, tz, last_active)
               select u, 'new', '{}'::jsonb, 'Asia/Shanghai', %s from unnest(%s::text[]) u on conflict do nothing""",
            (now, refs),
        )
        held = c.execute(
            "select id, ref, stage, attrs, tz from cu where ref = any(%s) order by id for no key update skip locked",
            (refs,),
        ).fetchall()
        ids = [row[0] for row in held]
        events = c.execute(
            "select id, subject, type, at, data from ev where subject = any(%s) and matched is null order by id",
            ([row[1] for row in held],),
        ).fetchall()
        c.execute("select customer, tag, set_at, removed_at from tg where customer = any(%s)", (ids,)).fetchall()
        c.execute(
            "select id, customer, sop, step, due, anchor from tl where customer = any(%s) and status = 'active'", (ids,)
        ).fetchall()
        c.execute(
            """insert into tg (customer, tag, set_at) select u, 'vip', %s from unnest(%s::bigint[]) u
               on conflict (customer, tag) do update set set_at = excluded.set_at""",
            (now, ids),
        )
        c.execute(
            """insert into tl (sop, version, customer, anchor, step, due, status)
               select 'x', 1, u, %s, 'd1', %s, 'active' from unnest(%s::bigint[]) u on conflict do nothing""",
            (now, now, ids),
        )
        c.execute("update ev set matched = now() where id = any(%s)", ([event[0] for event in events],))
        c.commit()

    def plan(self) -> None:
        while held := self.c.execute(
            """select c.id, c.ref, c.stage, c.attrs, c.tz from tl t join cu c on c.id = t.customer
               where t.status = 'active' and t.due <= now() order by t.due, t.id limit %s for no key update of c skip locked""",
            (self.batch,),
        ).fetchall():
            self._plan_batch([row[0] for row in held])
        self.c.commit()

    def _plan_batch(self, customers: list[int]) -> None:
        due = self.c.execute(
            "select id, customer, step, due, sop from tl where customer = any(%s) and status = 'active' and due <= now()",
            (customers,),
        ).fetchall()
        n = len(due)
        self.c.execute(
            """insert into tou (tl, step, customer, sop, channel, status, due, body)
               select *, %s from unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])""",
            (
                "hello, your day 1 message",
                [row[0] for row in due],
                [row[2] for row in due],
                [row[1] for row in due],
                [row[4] for row in due],
                ["log"] * n,
                ["queued"] * n,
                [row[3] for row in due],
            ),
        )
        self.c.execute(
            "update tl set step = 'd3', due = %s where id = any(%s)",
            (self.now + timedelta(days=3), [row[0] for row in due]),
        )
        self.c.execute(
            """select customer, count(*) from tou where customer = any(%s) and planned > now() - interval '7 days'
               and status in ('queued', 'sending', 'sent') group by 1""",
            (customers,),
        ).fetchall()
        self.c.commit()

    def send(self) -> None:
        while claimed := self._claim():
            self.c.execute(
                "update tou set status = 'sent', sent = now() where id = any(%s)", ([row[0] for row in claimed],)
            )
            self.c.commit()

    def _claim(self) -> list[Any]:
        claimed = self.c.execute(
            """update tou set status = 'sending' where id in (
                   select id from tou where status = 'queued' and channel = 'log' order by planned, id limit %s for update skip locked)
               returning id, body""",
            (self.batch,),
        ).fetchall()
        self.c.commit()
        return claimed


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run(n: int, batch: int) -> dict[str, float]:
    """Do all steps for `n` customers and return how many each did a second."""
    with psycopg.connect(os.environ["PGDSN"]) as connection, redis.Redis.from_url(os.environ["REDIS"]) as client:
        floor = Floor(connection, client, n, batch, datetime.now(UTC))
        floor.prepare()
        inbox, match, plan, send = (_seconds(work) for work in (floor.inbox, floor.match, floor.plan, floor.send))
        return {
            "inbox": n / inbox,
            "match": n / match,
            "inbox+match": n / (inbox + match),
            "plan": n / plan,
            "send": n / send,
            "plan+send": n / (plan + send),
        }


def main() -> None:
    """Run the floor and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("events", nargs="?", type=int, default=100_000)
    parser.add_argument("batch", nargs="?", type=int, default=500)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures = run(options.events, options.batch)
    if options.json:
        print(json.dumps(figures))
        return
    for step, rate in figures.items():
        print(f"{step:12} {rate:9.0f}/s")


if __name__ == "__main__":
    main()
