"""The webhook channel against a real receiver, over real sockets."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from engine.channels.registry import build
from engine.channels.webhook import WebhookChannel
from engine.clocks import wall_now
from engine.ports import Delivery, Receipt
from tests.support.receiver import SECRET, Receiver

Make = Callable[..., WebhookChannel]


@pytest.fixture
def channel_to() -> Iterator[Make]:
    """Return a function that makes a channel to an address; all are closed at the end."""
    made: list[WebhookChannel] = []

    def make(
        url: str, *, secret: str = SECRET, wall: Callable[[], datetime] = wall_now, **fields: Any
    ) -> WebhookChannel:
        section = {"type": "webhook", "url": "${URL}", "secret": "${SECRET}", **fields}
        channel = build("crm", section, {"URL": url, "SECRET": secret}, wall=wall)
        assert isinstance(channel, WebhookChannel)
        made.append(channel)
        return channel

    yield make
    for channel in made:
        channel.close()


def delivery(key: str = "k1", *, attempt: int = 1, body: dict[str, Any] | None = None) -> Delivery:
    return Delivery(
        key=key,
        customer="c1",
        sop="lead",
        step="d1",
        kind="message",
        body={"text": "王女士,您好"} if body is None else body,
        due_at=datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=8))),
        attempt=attempt,
    )


def outcomes(receipts: list[Receipt]) -> list[str]:
    return [receipt.outcome for receipt in receipts]


class OneConnection:
    """A server that takes one connection and does with it what its subclass says."""

    scheme = "http"

    def __enter__(self) -> str:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(20)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return f"{self.scheme}://127.0.0.1:{self._socket.getsockname()[1]}/"

    def __exit__(self, *_: object) -> None:
        self._thread.join(90)
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        connection.settimeout(20)
        with connection, suppress(OSError):  # the other side may hang up at any time
            self.answer(connection)

    def answer(self, connection: socket.socket) -> None:
        """Do something with the connection."""
        raise NotImplementedError


class HeadOnly(OneConnection):
    """Answers the head of a 200, and of its body only the beginning."""

    def answer(self, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nbegun")
        while connection.recv(65536):
            pass


class SelfSigned(OneConnection):
    """Speaks TLS with a certificate that no authority signed."""

    scheme = "https"

    def answer(self, connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(__file__).with_name("untrusted.pem"))
        context.wrap_socket(connection, server_side=True).close()


def test_a_batch_arrives_signed_once_per_key(channel_to: Make) -> None:
    with Receiver() as receiver:
        receipts = channel_to(receiver.url).send([delivery(f"k{at}") for at in range(32)])

    assert receipts == [Receipt("sent", "HTTP 200 OK")] * 32
    assert sorted(receiver.keys()) == sorted(f"k{at}" for at in range(32))
    assert all(touch["verified"] for touch in receiver.touches())
    assert receiver.touches()[0]["due_at"] == "2026-11-21T02:00:00Z"


def test_receipts_stand_in_the_order_of_the_deliveries(channel_to: Make) -> None:
    with Receiver(fail_every=3) as receiver:
        receipts = channel_to(receiver.url).send([delivery(f"k{at}") for at in range(12)])

    taken = set(receiver.keys())
    assert outcomes(receipts) == ["sent" if f"k{at}" in taken else "retry" for at in range(12)]
    assert outcomes(receipts).count("retry") == 4


def test_a_second_try_sends_the_same_bytes_under_the_same_key(channel_to: Make) -> None:
    with Receiver() as receiver:
        channel = channel_to(receiver.url)
        channel.send([delivery(attempt=1, body={"a": 1, "b": 2})])
        channel.send([delivery(attempt=2, body={"b": 2, "a": 1})])

    first, second = receiver.requests()
    assert (first["key"], first["body_sha256"]) == (second["key"], second["body_sha256"])
    assert (first["attempt"], second["attempt"]) == ("1", "2")


def test_the_signature_holds_whatever_the_zone_of_the_clock(channel_to: Make) -> None:
    with Receiver() as receiver:
        shanghai = timezone(timedelta(hours=8))
        receipts = channel_to(receiver.url, wall=lambda: wall_now().astimezone(shanghai)).send([delivery()])

    assert outcomes(receipts) == ["sent"]


def test_a_receiver_with_another_secret_refuses_and_the_touch_fails(channel_to: Make) -> None:
    with Receiver() as receiver:
        receipts = channel_to(receiver.url, secret="whsec_" + "A" * 43 + "=").send([delivery()])

    assert receipts == [Receipt("failed", "HTTP 401 Unauthorized")]
    assert receiver.requests()[0]["verified"] is False


def test_unsigned_posts_arrive_where_they_are_wanted(channel_to: Make) -> None:
    with Receiver(secret=None) as receiver:
        channel = build(
            "crm", {"type": "webhook", "url": "${URL}", "unsigned": True}, {"URL": receiver.url}, wall=wall_now
        )
        receipts = channel.send([delivery()])
        assert isinstance(channel, WebhookChannel)
        channel.close()

    assert outcomes(receipts) == ["sent"]


def test_retry_after_reaches_the_receipt(channel_to: Make) -> None:
    with Receiver(status=429, header=["Retry-After: 17"]) as receiver:
        receipts = channel_to(receiver.url).send([delivery()])

    assert receipts == [Receipt("retry", "HTTP 429 Too Many Requests", retry_after=17.0)]


def test_a_redirect_is_not_followed(channel_to: Make) -> None:
    with Receiver() as target, Receiver(status=307, header=[f"Location: {target.url}"]) as receiver:
        receipts = channel_to(receiver.url).send([delivery()])

    assert outcomes(receipts) == ["failed"]
    assert "redirects are not followed" in receipts[0].detail
    assert target.requests() == []


def test_gone_is_final(channel_to: Make) -> None:
    with Receiver(status=410) as receiver:
        receipts = channel_to(receiver.url).send([delivery()])

    assert receipts == [Receipt("failed", "HTTP 410 Gone")]


def test_a_receiver_that_is_down_is_tried_again_and_taken_up_once_it_is_back(channel_to: Make) -> None:
    with Receiver() as receiver:
        channel = channel_to(receiver.url)
        channel.send([delivery("k1")])
        receiver.stop()
        down = channel.send([delivery("k2")])
        receiver.start()
        back = channel.send([delivery("k2", attempt=2)])

    assert outcomes(down) == ["retry"]
    assert "no answer: " in down[0].detail
    assert outcomes(back) == ["sent"]
    assert receiver.keys() == ["k1", "k2"]


def test_a_receiver_that_does_not_answer_in_time_is_tried_again(channel_to: Make) -> None:
    with Receiver(delay=600) as receiver:
        receipts = channel_to(receiver.url, timeout="300ms").send([delivery(f"k{at}") for at in range(3)])

    assert receipts == [Receipt("retry", "no answer within 0.3 s")] * 3
    assert len(receiver.requests()) == 3


def test_a_byte_now_and_then_does_not_stretch_the_timeout(channel_to: Make) -> None:
    # Every single read is fast; only a bound over the whole call ends this one.
    with Receiver(drip=0.1, header=["x-long: " + "x" * 5000]) as receiver:
        receipts = channel_to(receiver.url, timeout="500ms").send([delivery()])

    assert receipts == [Receipt("retry", "no answer within 0.5 s")]


def test_an_answer_is_known_by_its_head_even_if_its_body_never_ends(channel_to: Make) -> None:
    with HeadOnly() as url:
        receipts = channel_to(url, timeout="500ms").send([delivery()])

    assert receipts == [Receipt("sent", "HTTP 200 OK")]


def test_connections_are_kept_and_cookies_are_not(channel_to: Make) -> None:
    with Receiver(header=["Set-Cookie: session=1; Path=/"]) as receiver:
        channel = channel_to(receiver.url)
        for at in range(5):
            channel.send([delivery(f"k{at}")])

    assert {request["connection"] for request in receiver.requests()} == {1}
    assert {request["cookie"] for request in receiver.requests()} == {None}


def test_a_touch_that_cannot_be_a_request_fails_alone(channel_to: Make) -> None:
    with Receiver() as receiver:
        receipts = channel_to(receiver.url).send([delivery("k1"), delivery("k2", body={"n": 2**80}), delivery("钥匙")])

    assert outcomes(receipts) == ["sent", "failed", "failed"]
    assert receiver.keys() == ["k1"]


def test_a_receiver_whose_certificate_nobody_vouches_for_gets_nothing(channel_to: Make) -> None:
    with SelfSigned() as url:
        receipts = channel_to(url).send([delivery()])

    assert receipts == [Receipt("retry", "no answer: ConnectError (SSLCertVerificationError)")]


def test_a_forked_child_sends_over_connections_of_its_own(channel_to: Make) -> None:
    with Receiver() as receiver:
        channel = channel_to(receiver.url)
        channel.send([delivery("parent")])
        child = os.fork()
        if child == 0:
            os._exit(0 if outcomes(channel.send([delivery("child")])) == ["sent"] else 1)
        _, status = os.waitpid(child, 0)
        assert outcomes(channel.send([delivery("again")])) == ["sent"]

    assert os.waitstatus_to_exitcode(status) == 0
    assert receiver.keys() == ["parent", "child", "again"]


def test_nothing_to_send_is_nothing_sent(channel_to: Make) -> None:
    assert channel_to("http://127.0.0.1:9/").send([]) == []
