"""Channel `webhook`: posts each touch as signed JSON (Standard Webhooks) to one address."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2
import orjson
from standardwebhooks import Webhook

from engine.channels import answers
from engine.channels.background import BackgroundLoop
from engine.channels.webhook_config import WebhookConfig
from engine.core.sentence import Sentence
from engine.ports import Delivery, Receipt

__all__ = ["WebhookChannel", "WebhookConfig", "payload"]

_ANSWER_LIMIT = 64 * 1024  # bytes of an answer read, only so that its connection can be used again
_ANSWER_SECONDS = 1.0
_POOLS = 8  # httpx2 searches all connections of a pool for each request: one pool of 64 halves the rate of eight of 8
_RESERVE = 0.05  # share of the timeout kept back, so that `send` has returned when it is over
_FIXED_HEADERS = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "sop-engine"}

# At info, httpx2 logs the address of every request; an address may hold a token.
logging.getLogger("httpx2").setLevel(logging.WARNING)


def payload(delivery: Delivery) -> bytes:
    """Return the bytes posted for a touch: the same for every try of it, so `attempt` is not among them.

    Raises:
        orjson.JSONEncodeError: the body holds what JSON cannot carry.
    """
    fields = {
        "type": "touch",
        "key": delivery.key,
        "customer": delivery.customer,
        "sop": delivery.sop,
        "step": delivery.step,
        "kind": delivery.kind,
        "due_at": delivery.due_at.astimezone(UTC),
        "body": delivery.body,
    }
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


class WebhookChannel:
    """Posts touches, those of one batch concurrently, over connections that are kept open."""

    batch_size = 32
    honours_key = True

    def __init__(self, name: str, config: WebhookConfig, *, now: Callable[[], datetime]) -> None:
        """Make the channel `name`.

        Parameters:
            config: validated with its placeholders resolved.
            now: the wall clock, aware; the receiver compares the signature's timestamp with its own.
        """
        self.name = name
        self.timeout = config.timeout
        self.concurrency = config.concurrency
        self.rate = config.rate
        self._url = httpx2.URL(config.url)
        self._headers = {**_FIXED_HEADERS, **config.headers}
        self._signer = Webhook(config.secret) if config.secret is not None else None
        self._now = now
        self._starting = threading.Lock()
        self._running: tuple[BackgroundLoop, list[httpx2.AsyncClient]] | None = None

    def __repr__(self) -> str:
        return f"WebhookChannel({self.name!r}, host={self._url.host!r})"

    def send(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        """Post the deliveries and tell what became of each; returns within `timeout` seconds."""
        if not deliveries:
            return []
        end = time.monotonic() + self.timeout
        receipts: list[Receipt | None] = [None] * len(deliveries)
        loop, clients = self._started()
        last_moment = end - self.timeout * _RESERVE
        loop.run(self._post_all(clients, deliveries, receipts, last_moment), max(0.0, end - time.monotonic()))
        return [receipt or answers.too_late(self.timeout) for receipt in receipts]

    def close(self) -> None:
        """Close the connections and stop the thread; the next `send` starts anew."""
        with self._starting:
            if self._running is not None:
                loop, clients = self._running
                self._running = None
                if loop.usable():
                    loop.run(_close(clients), self.timeout)
                    loop.close()

    def _started(self) -> tuple[BackgroundLoop, list[httpx2.AsyncClient]]:
        """Return loop and clients of this process; a forked child makes its own."""
        with self._starting:
            if self._running is None or not self._running[0].usable():
                self._running = BackgroundLoop(f"webhook-{self.name}"), self._clients()
            return self._running

    def _clients(self) -> list[httpx2.AsyncClient]:
        trusted = httpx2.create_ssl_context()
        return [self._client(trusted) for _ in range(_POOLS)]

    def _client(self, trusted: ssl.SSLContext) -> httpx2.AsyncClient:
        room = self.batch_size * self.concurrency // _POOLS
        return httpx2.AsyncClient(
            verify=trusted,
            timeout=self.timeout,
            limits=httpx2.Limits(max_connections=room, max_keepalive_connections=room),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # or a receiver could pile them up
        )

    async def _post_all(
        self,
        clients: Sequence[httpx2.AsyncClient],
        deliveries: Sequence[Delivery],
        receipts: list[Receipt | None],
        last_moment: float,
    ) -> None:
        """Fill `receipts`; what has no answer at `last_moment` (monotonic) is given up and left None."""
        tasks = [
            asyncio.create_task(self._post(clients[at % _POOLS], each, receipts, at))
            for at, each in enumerate(deliveries)
        ]
        try:
            await asyncio.wait(tasks, timeout=max(0.0, last_moment - time.monotonic()))
        finally:
            for task in tasks:
                task.cancel()

    async def _post(
        self, client: httpx2.AsyncClient, delivery: Delivery, receipts: list[Receipt | None], at: int
    ) -> None:
        try:
            request = self._request(delivery)
        except (orjson.JSONEncodeError, UnicodeEncodeError) as error:
            said = Sentence("the touch cannot be written as a request ({error})", error=type(error).__name__)
            receipts[at] = Receipt("failed", said)
            return
        try:
            response = await client.send(request, stream=True)
        except Exception as error:
            receipts[at] = answers.no_answer(error)
            return
        receipts[at] = answers.receipt(response.status_code, response.headers)
        await _finish(response)

    def _request(self, delivery: Delivery) -> httpx2.Request:
        body = payload(delivery)
        headers = {
            **self._headers,
            "webhook-id": delivery.key,
            "idempotency-key": delivery.key,
            "sop-attempt": str(delivery.attempt),
            **self._signature(delivery.key, body),
        }
        return httpx2.Request("POST", self._url, headers=headers, content=body)

    def _signature(self, key: str, body: bytes) -> dict[str, str]:
        # `sign` takes the wall-clock digits of whatever zone it is given for UTC, so it gets UTC.
        moment = self._now().astimezone(UTC)
        headers = {"webhook-timestamp": str(math.floor(moment.timestamp()))}
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(key, moment, body.decode())
        return headers


async def _close(clients: Sequence[httpx2.AsyncClient]) -> None:
    for client in clients:
        await client.aclose()


async def _finish(response: httpx2.Response) -> None:
    """Read the rest of a short answer, so that its connection can be used again; a long or slow one loses it."""
    with suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_ANSWER_SECONDS):
            seen = 0
            async for chunk in response.aiter_raw():
                seen += len(chunk)
                if seen > _ANSWER_LIMIT:
                    break
    with suppress(httpx2.HTTPError):
        await response.aclose()
