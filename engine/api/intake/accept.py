"""Taking the events of one request, in whichever form they come, and telling what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import Request

from engine.api.intake import formats, request_body
from engine.api.intake.formats import Form
from engine.api.problems import ApiProblem, of_failure
from engine.core.errors import EventError
from engine.core.events.parse import MAX_EVENT_BYTES
from engine.core.sentence import Sentence
from engine.services.pipeline.group_commit import GroupCommit
from engine.services.pipeline.ingest import Ingest, IngestResult, IngestSummary, RawBody, RawEvent, answer

T = TypeVar("T")

PART = 2_500
"""Events of a stream that share a transaction."""

_LARGE = 64 * 1024
_PARSERS = 2


class EventIntake:
    """From a request's body to the inbox. Batches are parsed and written in threads of their own, two at a time."""

    def __init__(self, ingest: Ingest, singles: GroupCommit[RawEvent, IngestResult]) -> None:
        self._ingest = ingest
        self._singles = singles
        self._threads = ThreadPoolExecutor(_PARSERS, thread_name_prefix="intake")

    async def take(self, request: Request, *, backfill: bool) -> IngestSummary:
        """Take every event of the request.

        Raises ApiProblem: 400 unparsable, 408 too slow, 409 and 422 one event refused, or all, 413 too large, 415 other
        content types, 503 database away.
        """
        form = formats.form_of(request.headers)
        if form is Form.STREAM:
            return _unless_all_refused(await self._stream(request, backfill))
        may_be_list = form in (Form.PLAIN, Form.BATCH)
        body = await request_body.whole(request, may_be_list=may_be_list)
        if form is Form.BINARY:
            return await self._single(formats.binary_event(request.headers, body), backfill)
        value = await self._in_thread(formats.parse, body) if len(body) > _LARGE else formats.parse(body)
        if formats.is_single(value, form):
            if len(body) > MAX_EVENT_BYTES:
                raise request_body.event_too_large()
            return await self._single(value, backfill)
        if len(value) > request_body.MAX_EVENTS:
            raise request_body.too_large(
                Sentence(
                    "{number:,} events; at most {most:,} are taken in one call",
                    number=len(value),
                    most=request_body.MAX_EVENTS,
                )
            )
        return _unless_all_refused(await self._list(value, backfill))

    async def _single(self, raw: RawBody, backfill: bool) -> IngestSummary:
        result = await self._singles.add(RawEvent(raw, backfill))
        taken = answer([(0, result)])
        if result.error is not None:
            status = 409 if result.verdict == "conflict" else 422
            raise ApiProblem(status, result.error, extra=members(taken))
        return taken

    async def _list(self, values: Sequence[Any], backfill: bool) -> IngestSummary:
        return await self._in_thread(
            lambda: self._ingest.accept([(i, formats.checked(v)) for i, v in enumerate(values)], backfill)
        )

    async def _stream(self, request: Request, backfill: bool) -> IngestSummary:
        """Take a stream part by part, in order; what was taken stays taken when a later part fails."""
        taken, lines = IngestSummary(), request_body.Lines()
        part: list[tuple[bytes, bool]] = []
        count = 0
        try:
            async for chunk in request_body.chunks(request):
                for line in lines.feed(chunk):
                    part.append(line)
                    if count + len(part) > request_body.MAX_EVENTS:
                        raise _too_many()
                    if len(part) == PART:
                        taken += await self._part(count, part, backfill)
                        count, part = count + len(part), []
            part.extend(lines.end())
            if count + len(part) > request_body.MAX_EVENTS:
                raise _too_many()
            return taken + await self._part(count, part, backfill)
        except Exception as error:
            raise _midway(error, taken) from error

    async def _part(self, start: int, lines: list[tuple[bytes, bool]], backfill: bool) -> IngestSummary:
        if not lines:
            return IngestSummary()

        def work() -> IngestSummary:
            raws = [(start + i, formats.parse_line(line, whole, start + i)) for i, (line, whole) in enumerate(lines)]
            return self._ingest.accept(raws, backfill)

        return await self._in_thread(work)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)


def _too_many() -> ApiProblem:
    most = request_body.MAX_EVENTS
    return request_body.too_large(Sentence("more than {most:,} events; send them in several calls", most=most))


def members(taken: IngestSummary) -> dict[str, Any]:
    """Return an answer as JSON has it."""
    return {
        "accepted": taken.accepted,
        "duplicates": taken.duplicates,
        "rejected": [{"index": each.index, "id": each.id, "error": each.error} for each in taken.rejected],
        "warnings": taken.warnings,
    }


def _unless_all_refused(taken: IngestSummary) -> IngestSummary:
    """202 says that something is committed; where nothing is, the answer is 422."""
    if taken.rejected and not taken.accepted and not taken.duplicates:
        first = taken.rejected[0].error
        raise ApiProblem(
            422,
            Sentence(
                "none of the {number:,} events was taken; the first: {first}", number=len(taken.rejected), first=first
            ),
            extra=members(taken),
        )
    return taken


def _midway(error: Exception, taken: IngestSummary) -> Exception:
    """Return the error of a stream that ended before its end, saying what was taken until then."""
    problem = error if isinstance(error, ApiProblem) else of_failure(error)
    if problem is None or isinstance(error, EventError):
        return error
    known = taken.accepted + taken.duplicates
    remedy = Sentence("nothing was taken")
    if known:
        remedy = Sentence(
            "{number:,} events are taken; posting all again is safe, they count as duplicates", number=known
        )
    said = Sentence("{problem} ({remedy})", problem=problem.detail, remedy=remedy)
    return ApiProblem(problem.status, said, headers=problem.headers, extra=members(taken))
