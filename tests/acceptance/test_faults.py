"""Whatever is killed, emptied or doubled in the middle of a run: every accepted event counts once, every touch goes out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.acceptance.feeder import Feeder
from tests.acceptance.installation import RUNNING, Installation, empty_database, eventually
from tests.acceptance.ledger import await_rest, check_all_done
from tests.conftest import Servers
from tests.support.receiver import SECRET, Receiver

ENGINE = """
timezone: Asia/Shanghai
attributes: {name: text}
channels:
  crm: {type: webhook, url: "${CRM_URL}", secret: "${CRM_SECRET}", timeout: 20s}
  quick: {type: webhook, url: "${CRM_URL}", secret: "${CRM_SECRET}", timeout: 2s}
"""
SOP = """
sop: SOP_ID
title: 线索
trigger: [{tag_added: TAG}]
steps:
  - {id: only, after: AFTER, channel: CHANNEL, message: {text: "{{ customer.name }}，您好"}}
"""
PATIENT, HASTY = "装修意向", "楼盘A"
"""Tags: touches of the first may take long, leases of the second run out soon."""
AFTERS = ("0s", "1s", "3s")
"""One SOP each: a step that is late is skipped once the next one is due, and here everything must go out."""


def _sops(word: str, tag: str, channel: str) -> dict[str, str]:
    texts = {
        f"{word}-{after}": SOP.replace("AFTER", after).replace("TAG", tag).replace("CHANNEL", channel)
        for after in AFTERS
    }
    return {f"sops/{name}.yaml": text.replace("SOP_ID", name) for name, text in texts.items()}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver(delay=0.2) as receiver:  # so that there is a middle of a call
        yield receiver


@pytest.fixture(scope="module")
def installation(servers: Servers, receiver: Receiver) -> Iterator[Installation]:
    definitions = {"engine.yaml": ENGINE, **_sops("patient", PATIENT, "crm"), **_sops("hasty", HASTY, "quick")}
    settings = {"SOP_PLAN_INTERVAL": "0.3", "SOP_SEND_INTERVAL": "0.3", "SOP_RECONCILE_INTERVAL": "0.5"}
    settings |= {"SOP_LEASE_MARGIN": "1", "SOP_HINT_CLAIM_AFTER": "1", "CRM_URL": receiver.url, "CRM_SECRET": SECRET}
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    with (
        empty_database(servers.database_url, "sop_acceptance_faults") as database,
        Installation(database, servers.redis_url, definitions, **settings) as installation,
    ):
        installation.set_up()
        yield installation


@contextmanager
def feeding(installation: Installation, receiver: Receiver, prefix: str, tag: str = PATIENT) -> Iterator[Feeder]:
    """A CRM that posts all the while; at the end everything it posted is done, exactly once."""
    with Feeder(installation.url, installation.key, prefix, tag) as feeder:
        eventually(lambda: len(feeder.customers) >= 50, "50 customers")
        yield feeder
        eventually(lambda: len(feeder.customers) >= 200, "200 customers")
    await_rest(installation)
    repeats = check_all_done(installation, receiver, feeder, len(AFTERS))
    print(
        f"{prefix}: {len(feeder.customers)} customers, {len(feeder.refused)} posts repeated, {repeats} touches repeated under their key"
    )
    assert tag == HASTY or repeats == 0, "touches went out twice although no sender was killed"


OUTSTANDING = {
    "matcher": "select count(*) from events where matched_at is null and received_at <= :then",
    "worker-plan": "select count(*) from timelines where state = 'active' and due_at <= :then",
    "beat": "select count(*) from timelines where state = 'active' and anchor <= :then",
}
"""Work of each process that was there at a moment and is not done yet."""


def kill_in_the_middle(installation: Installation, service: str) -> None:
    """Kill a process that leaves work of its kind undone, start it again, and wait until that work is done."""
    outstanding = OUTSTANDING[service]
    now_busy = f"select now() as then where ({outstanding.replace(':then', 'now()')}) > 0"
    for _ in range(20):
        then = eventually(lambda: installation.query(now_busy), f"work for {service}")[0].then
        installation.kill(service)
        undone = installation.count(outstanding, then=then)
        installation.start(service)
        if undone:
            break
    assert undone, f"no kill of {service} landed in the middle of its work"
    eventually(lambda: installation.count(outstanding, then=then) == 0, f"what {service} left at its death is done")
    print(f"{service}: left {undone} undone at its death")


@pytest.mark.parametrize("service", ["matcher", "worker-plan", "beat"])
def test_a_killed_process_loses_and_doubles_nothing(
    installation: Installation, receiver: Receiver, service: str
) -> None:
    with feeding(installation, receiver, f"killed-{service}"):
        kill_in_the_middle(installation, service)


def test_a_killed_sender_repeats_at_most_what_it_had_begun_under_the_same_keys(
    installation: Installation, receiver: Receiver
) -> None:
    with feeding(installation, receiver, "killed-sender", HASTY):
        in_call = eventually(lambda: posted_and_not_recorded(installation, receiver), "a call is under way")
        installation.kill("worker-send")
        assert in_call & posted_and_not_recorded(installation, receiver), "the kill came after the call was recorded"
        installation.start("worker-send")
    assert any(count > 1 for count in Counter(receiver.keys()).values()), "nothing was repeated"


def posted_and_not_recorded(installation: Installation, receiver: Receiver) -> set[str]:
    """Return the keys of touches that are at the receiver while the database says `sending`."""
    sending = {row.key for row in installation.query("select key from touches where status = 'sending'")}
    return sending & set(receiver.keys()) if sending else set()


def test_posts_that_a_killed_api_did_not_answer_count_once_when_posted_again(
    installation: Installation, receiver: Receiver
) -> None:
    with feeding(installation, receiver, "killed-api") as feeder:
        for _ in range(10):
            eventually(lambda: feeder.posting, "a post is under way")
            installation.kill("api")
            eventually(lambda: feeder.refused, "the feeder notices")
            installation.start("api")
            eventually(installation.answers, "the API answers again")
            if set(feeder.refused) - {"ConnectError", "503"}:
                break
        assert set(feeder.refused) - {"ConnectError", "503"}, (
            f"no kill landed in the middle of a post: {set(feeder.refused)}"
        )


def test_an_emptied_redis_loses_and_doubles_nothing(
    installation: Installation, receiver: Receiver, servers: Servers
) -> None:
    with feeding(installation, receiver, "flushed") as feeder, redis.Redis.from_url(servers.redis_url) as client:
        for _ in range(5):
            eventually(
                lambda: installation.count("select count(*) from events where matched_at is null"), "events wait"
            )
            client.flushall()
            fed = len(feeder.customers)
            eventually(lambda fed=fed: len(feeder.customers) > fed + 30, "more customers")


def test_two_of_each_process_do_not_double_anything(installation: Installation, receiver: Receiver) -> None:
    seconds = ("matcher", "worker-plan", "beat")
    for service in seconds:
        installation.start(service, f"second {service}")
    sessions = "select count(*) from pg_stat_activity where application_name = 'sop matcher'"
    eventually(lambda: installation.count(sessions) >= 2, "both matchers work")
    with feeding(installation, receiver, "doubled"):
        pass
    assert [installation.stop(f"second {service}") for service in seconds] == [0] * len(seconds)


def test_lost_database_connections_lose_and_double_nothing(installation: Installation, receiver: Receiver) -> None:
    cut = """select count(pg_terminate_backend(pid)) from pg_stat_activity
             where datname = current_database() and application_name <> 'sop test'"""
    with feeding(installation, receiver, "cut-off") as feeder:
        for _ in range(8):
            eventually(lambda: installation.count(cut), "a connection to cut")
            fed = len(feeder.customers)
            eventually(lambda fed=fed: len(feeder.customers) > fed + 20, "more customers")


def test_no_process_ended_by_itself_or_broke_an_invariant(installation: Installation) -> None:
    assert [service for service in RUNNING if not installation.is_running(service)] == []
    logged = "".join(installation.printed(service, "err") for service in RUNNING)
    assert "reconcile.violation" not in logged and "Traceback" not in logged, logged
