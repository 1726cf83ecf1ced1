"""Request bodies, read with limits: what is too much or too slow is refused while it comes in, never buffered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from starlette.requests import ClientDisconnect, Request

from engine.api.problems import ApiProblem
from engine.core.events.parse import MAX_EVENT_BYTES
from engine.core.sentence import Sentence

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_EVENTS = 10_000
READ_SECONDS = 30.0
"""A body must have come in after so many seconds of waiting for it."""

_CLOSE = {"Connection": "close"}


def too_large(detail: Sentence) -> ApiProblem:
    """Return the answer to what is over a limit; the connection is closed, the rest of the body stays unread."""
    return ApiProblem(413, detail, headers=_CLOSE)


def event_too_large() -> ApiProblem:
    """Return the answer to one event that is over its limit."""
    return too_large(Sentence("one event is over {most:,} bytes; shorten its data", most=MAX_EVENT_BYTES))


async def chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it comes in. Time the caller takes between two chunks does not count.

    Raises ApiProblem 408 where the body takes too long, 413 beyond `MAX_BODY_BYTES`.
    """
    _check_announced(request)
    loop = asyncio.get_running_loop()
    size, left, more = 0, READ_SECONDS, True
    while more:
        began = loop.time()
        try:
            async with asyncio.timeout(left):
                message = await request.receive()
        except TimeoutError:
            raise ApiProblem(
                408,
                Sentence("the body did not arrive within {seconds} seconds", seconds=f"{READ_SECONDS:.0f}"),
                headers=_CLOSE,
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        left = max(0.0, left - (loop.time() - began))
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise too_large(
                Sentence("the body is over {most:,} bytes; send the events in several calls", most=MAX_BODY_BYTES)
            )
        yield chunk


async def whole(request: Request, *, may_be_list: bool) -> bytes:
    """Return the body: of one event at most 64 KiB, of a list (where allowed) at most 16 MiB.

    Raises ApiProblem as `chunks`.
    """
    parts: list[bytes] = []
    size, limit = 0, MAX_EVENT_BYTES
    async for chunk in chunks(request):
        if may_be_list and limit == MAX_EVENT_BYTES and _begins_list(parts, chunk):
            limit = MAX_BODY_BYTES
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            raise event_too_large()
    return b"".join(parts)


def _begins_list(parts: list[bytes], chunk: bytes) -> bool:
    head = b"".join(parts) + chunk[:4096]
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def _check_announced(request: Request) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > MAX_BODY_BYTES:
        raise too_large(
            Sentence(
                "the body is {bytes} bytes; at most {most:,} are taken, send several calls",
                bytes=announced[:20],
                most=MAX_BODY_BYTES,
            )
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiProblem(
            415, Sentence("compressed bodies are not taken; send without Content-Encoding"), headers=_CLOSE
        )


class Lines:
    """Cuts a stream into lines without ever holding a line beyond the limit of an event."""

    HEAD = 4096

    def __init__(self) -> None:
        self._rest = b""
        self._cut: bytes | None = None

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yield each line that is complete now, and whether it is whole; of a line over the limit only its beginning."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            yield from self._line(line)
        if self._cut is None and len(self._rest) > MAX_EVENT_BYTES:
            self._cut = self._rest[: self.HEAD]
        if self._cut is not None:
            self._rest = b""

    def end(self) -> Iterator[tuple[bytes, bool]]:
        """Yield the last line, if it came without a line end."""
        yield from self._line(self._rest)
        self._rest = b""

    def _line(self, line: bytes) -> Iterator[tuple[bytes, bool]]:
        if self._cut is not None:
            line, self._cut = self._cut, None
            yield line, False
        elif len(line) > MAX_EVENT_BYTES:
            yield line[: self.HEAD], False
        elif line.strip():
            yield line, True
