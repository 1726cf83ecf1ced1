"""What was accepted held against what came of it: in the database, and at the receiver."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from tests.acceptance.feeder import Feeder
from tests.acceptance.installation import PATIENCE, Installation, eventually
from tests.support.receiver import Receiver

_LEFT = """select
    (select count(*) from events where matched_at is null)
    + (select count(*) from timelines where state = 'active' and next_step is not null)
    + (select count(*) from touches where status in ('queued', 'sending')) as n"""


def await_rest(installation: Installation, seconds: float = PATIENCE) -> None:
    """Wait until every event is matched and every step had. (A timeline is completed some time after its last touch.)"""
    eventually(lambda: installation.count(_LEFT) == 0, "nothing is left to do", seconds)


def check_all_done(installation: Installation, receiver: Receiver, feeder: Feeder, sops: int) -> int:
    """Assert that every accepted event was matched once and led to one timeline, sent once, in each of so many SOPs.

    Returns how many posts to the receiver repeated an earlier one, under the same key and with the same bytes.
    """
    _check_events(installation, feeder)
    attempts = _check_touches(installation, feeder, sops)
    return _check_received(receiver, attempts)


def _check_events(installation: Installation, feeder: Feeder) -> None:
    found = installation.query(
        "select event_id, matched_at, outcome from events where event_id = any(:ids)", ids=feeder.accepted
    )
    assert len(found) == len(feeder.accepted) == len(set(feeder.accepted)), "accepted events are missing"
    assert all(row.matched_at and row.outcome is not None for row in found)
    assert installation.count("select count(*) from dead_letters") == 0


def _check_touches(installation: Installation, feeder: Feeder, sops: int) -> dict[str, int]:
    """Return the keys of the fed customers' touches, and how often each was claimed."""
    found = installation.query(
        """select c.ref, l.sop, l.state, t.step, t.status, t.key, t.attempt
           from customers c join timelines l on l.customer_id = c.id left join touches t on t.timeline_id = l.id
           where c.ref = any(:refs)""",
        refs=feeder.customers,
    )
    ends = Counter((row.state, row.status) for row in found)
    assert set(ends) <= {("active", "sent"), ("completed", "sent")}, ends
    per_customer = Counter(row.ref for row in found)
    assert set(per_customer) == set(feeder.customers), "customers without a timeline"
    assert set(per_customer.values()) == {sops} and len({(row.ref, row.sop) for row in found}) == len(found), (
        "lost or doubled"
    )
    attempts = {row.key: row.attempt for row in found}
    assert len(attempts) == len(found), "two touches with one key"
    return attempts


def _check_received(receiver: Receiver, attempts: Mapping[str, int]) -> int:
    bodies: dict[str, list[str]] = defaultdict(list)
    for request in receiver.requests():
        if request["key"] in attempts:
            assert request["status"] == 200 and request["verified"], request
            bodies[request["key"]].append(request["body_sha256"])
    assert set(bodies) == set(attempts), f"{len(attempts) - len(bodies)} touches are called sent and were not received"
    assert all(len(set(same)) == 1 for same in bodies.values()), "a key came with two bodies"
    assert all(len(same) <= attempts[key] for key, same in bodies.items()), "a touch was posted more often than claimed"
    return sum(len(same) - 1 for same in bodies.values())
