"""A webhook receiver to test against: verifies signatures, keeps a journal, misbehaves when told to.

    python -m tests.support.receiver --port 0 --secret whsec_… --journal touches.ndjson

prints its port as the first line. Tests use `Receiver`, which starts it as a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + base64.b64encode(b"a secret for tests, 32 bytes ok!").decode()
ACCEPTED = range(200, 300)


class Receiver:
    """A receiver process and its journal, as a context manager.

    Parameters:
        secret: what signatures are verified with; None takes unsigned posts.
        options: further command line options by name: fail_every=3, status=410, delay=0.1, drip=0.2, header=["a: b"].
    """

    def __init__(self, *, secret: str | None = SECRET, journal: Path | None = None, **options: Any) -> None:
        self.secret = secret
        self._folder = tempfile.TemporaryDirectory(prefix="receiver-")
        self.journal = journal or Path(self._folder.name) / "journal.ndjson"
        self._options = options
        self._kept: list[dict[str, Any]] = []  # the journal outlives its folder
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The address to post to."""
        return f"http://127.0.0.1:{self.port}/touches"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._kept = self.requests()
        self._folder.cleanup()

    def start(self) -> None:
        """Start the process; after `stop` it takes the same port again, and the journal goes on."""
        command = [sys.executable, __file__, "--port", str(self.port), "--journal", str(self.journal), "--until-eof"]
        self._process = subprocess.Popen(
            command + self._arguments(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], 20)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.stop()
            raise RuntimeError("the receiver did not start; its standard error says why")
        self.port = int(line)

    def stop(self) -> None:
        """End the process; posts are refused from now on."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def requests(self) -> list[dict[str, Any]]:
        """Return every request of the journal, in the order they came."""
        if not self.journal.exists():
            return self._kept
        *lines, _unfinished = self.journal.read_bytes().split(b"\n")
        return [orjson.loads(line) for line in lines]

    def touches(self) -> list[dict[str, Any]]:
        """Return the requests that were answered with 2xx."""
        return [each for each in self.requests() if each["status"] in ACCEPTED]

    def keys(self) -> list[str]:
        """Return the keys of `touches`, doubles included."""
        return [each["key"] for each in self.touches()]

    def wait_for(self, count: int, seconds: float = 90.0) -> list[dict[str, Any]]:
        """Return `touches` once there are `count` of them.

        Raises:
            AssertionError: there are fewer after `seconds`.
        """
        end = time.monotonic() + seconds
        while len(found := self.touches()) < count:
            assert time.monotonic() < end, f"{len(found)} of {count} touches after {seconds} s"
            time.sleep(0.02)
        return found

    def _arguments(self) -> list[str]:
        given = [("secret", self.secret), *self._options.items()]
        flat: list[str] = []
        for name, value in given:
            for each in value if isinstance(value, list) else [value]:
                flat += [] if each is None else [f"--{name.replace('_', '-')}={each}"]
        return flat


class Judge:
    """Decides each request's status and writes the journal."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._verifier = Webhook(options.secret) if options.secret else None
        self._journal = os.open(options.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._count = 0
        self._connections = 0

    def connected(self) -> int:
        """Return the number of a new connection, from 1."""
        self._connections += 1
        return self._connections

    def answer(self, headers: dict[str, str], body: bytes, connection: int) -> int:
        """Return the status for a request, once it is in the journal."""
        verified = self._verified(headers, body)
        touch = _touch(body)
        status = self._status(verified, touch, headers)
        entry = {name: touch.get(name) for name in ("key", "customer", "sop", "step", "kind", "due_at")}
        entry |= {"status": status, "body_sha256": hashlib.sha256(body).hexdigest(), "verified": verified}
        entry |= {"attempt": headers.get("sop-attempt"), "cookie": headers.get("cookie"), "connection": connection}
        os.write(self._journal, orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
        return status

    def _status(self, verified: bool | None, touch: dict[str, Any], headers: dict[str, str]) -> int:
        self._count += 1
        if verified is False:
            return 401
        if not touch.get("key") == headers.get("webhook-id") == headers.get("idempotency-key"):
            return 400
        if self._options.fail_every and self._count % self._options.fail_every == 0:
            return 503
        return int(self._options.status)

    def _verified(self, headers: dict[str, str], body: bytes) -> bool | None:
        """Return whether the signature is right; None without a secret to verify with."""
        if self._verifier is None:
            return None
        try:
            self._verifier.verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError):  # ValueError: no signature by its form, or no text
            return False
        return True


def _touch(body: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        found = orjson.loads(body)
        if isinstance(found, dict):
            return found
    return {}


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection: requests with a Content-Length, one after the other."""

    def __init__(self, judge: Judge, options: argparse.Namespace) -> None:
        self._judge = judge
        self._options = options
        self._extra = "".join(f"{line}\r\n" for line in options.header)
        self._buffer = bytearray()
        self._number = judge.connected()
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete; called by asyncio."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            headers = _headers(bytes(self._buffer[:end]))
            size = end + 4 + int(headers.get("content-length", "0"))
            if len(self._buffer) < size:
                return
            body = bytes(self._buffer[end + 4 : size])
            del self._buffer[:size]
            self._respond(self._judge.answer(headers, body, self._number))

    def _respond(self, status: int) -> None:
        body = json.dumps({"status": status})
        head = f"HTTP/1.1 {status} -\r\n{self._extra}content-length: {len(body)}\r\n\r\n"
        answer = (head + body).encode()
        if self._options.delay or self._options.drip:
            self._sending = asyncio.get_running_loop().create_task(self._slowly(answer))
        else:
            self._transport.write(answer)

    async def _slowly(self, answer: bytes) -> None:
        await asyncio.sleep(self._options.delay)
        parts: Iterable[bytes] = [bytes([each]) for each in answer] if self._options.drip else [answer]
        for part in parts:
            self._transport.write(part)
            await asyncio.sleep(self._options.drip)


def _headers(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in pairs}


async def serve(options: argparse.Namespace) -> None:
    """Serve until cancelled, or until standard input ends with --until-eof, so that no test leaves it behind."""
    loop = asyncio.get_running_loop()
    judge = Judge(options)
    server = await loop.create_server(lambda: Connection(judge, options), options.host, options.port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    if options.until_eof:
        await loop.run_in_executor(None, sys.stdin.buffer.read)
    else:
        await server.serve_forever()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.receiver", description="A webhook receiver for tests."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--secret", help="whsec_…; without it posts are taken unsigned")
    parser.add_argument("--journal", type=Path, required=True, help="file to append one JSON line per request to")
    parser.add_argument("--fail-every", type=int, default=0, metavar="N", help="answer every Nth request with 503")
    parser.add_argument("--status", type=int, default=200, help="answer with this")
    parser.add_argument("--delay", type=float, default=0.0, metavar="S", help="answer after so many seconds")
    parser.add_argument("--drip", type=float, default=0.0, metavar="S", help="answer byte by byte, seconds apart")
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="add to each answer")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(parse()))
