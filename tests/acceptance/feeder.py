"""A CRM that posts steadily, posts again what was not answered, and remembers what was accepted."""

from __future__ import annotations

import threading
from typing import Any

import httpx2

PER_POST = 5
"""Customers in one post."""
MOST = 400
"""Customers in all, so that a slow machine has an end in sight."""
PAUSE = 0.1
"""Seconds between two posts."""


class Feeder(threading.Thread):
    """Posts new customers, each named and tagged, until told to stop or there are enough; a context manager.

    Parameters:
        prefix: of the customers' refs, so that runs can be told apart.
        tag: what they are tagged with.
    """

    def __init__(self, url: str, key: str, prefix: str, tag: str) -> None:
        super().__init__(name=f"feeder-{prefix}", daemon=True)
        self._url, self._key, self._prefix, self._tag = url, key, prefix, tag
        self._enough = threading.Event()
        self.accepted: list[str] = []
        """Ids of events that were answered with 202."""
        self.customers: list[str] = []
        self.refused: list[str] = []
        """What kept a post from being accepted, one name each."""
        self.posting = False
        """Whether a post is under way."""

    def __enter__(self) -> Feeder:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Stop after the post under way is accepted."""
        self._enough.set()
        self.join(60)
        assert not self.is_alive(), f"the last post was never accepted: {self.refused[-3:]}"

    def run(self) -> None:
        """Post until told to stop, or until there are enough."""
        with httpx2.Client(base_url=self._url, headers={"Authorization": f"Bearer {self._key}"}, timeout=10) as client:
            while len(self.customers) < MOST and not self._enough.wait(PAUSE):
                refs = [f"{self._prefix}-{len(self.customers) + number}" for number in range(PER_POST)]
                events = [event for ref in refs for event in _story(ref, self._tag)]
                while not self._accepted(client, events):
                    self._enough.wait(PAUSE)
                self.customers += refs
                self.accepted += [event["id"] for event in events]

    def _accepted(self, client: httpx2.Client, events: list[dict[str, Any]]) -> bool:
        self.posting = True
        try:
            answer = client.post("/v1/events", json=events)
        except httpx2.HTTPError as error:
            self.refused.append(type(error).__name__)
            return False
        finally:
            self.posting = False
        if answer.status_code == 503:
            self.refused.append("503")
            return False
        assert answer.status_code == 202 and not answer.json()["rejected"], answer.text
        return True


def _story(ref: str, tag: str) -> list[dict[str, Any]]:
    def event(number: int, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"source": "crm", "id": f"{ref}/{number}", "type": kind, "subject": ref, "data": data}

    return [event(1, "customer.updated", {"attributes": {"name": "王女士"}}), event(2, "tag.added", {"tag": tag})]
