"""Driving the whole engine from moment to moment, as a stepped clock does: forty days through the real services, on real servers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from engine import definitions_yaml
from engine.core.definitions.catalog import NO_INSTALLATION, DecisionContext, Definitions
from engine.core.events import parse
from engine.core.playback.played import Playback
from engine.core.playback.run import play_each
from engine.core.simulation.simulate import refreshes_of
from engine.core.stored_sentence import unpacked
from engine.definitions_in_force import assembled
from engine.demo.feed import Post
from engine.store.database import transaction
from engine.store.reports import progress
from engine.wiring import CHANNEL_TYPES
from tests.support.pipeline import Pipeline, ScriptedChannel


def really(pipeline: Pipeline, posts: Sequence[Post], end: datetime) -> None:
    """Post everything at its moment, and let time go on from one moment at which something is due to the next."""
    waiting = deque(posts)
    while (moment := _next(pipeline, waiting)) is not None and moment <= end:
        pipeline.clock.at = max(pipeline.clock.at, moment)
        now = [waiting.popleft() for _ in range(len(waiting)) if waiting[0].at <= pipeline.clock.at]
        if now:
            answer = pipeline.wiring.ingest.accept([(number, post.event) for number, post in enumerate(now)])
            assert not answer.rejected, answer.rejected
        _settle(pipeline)


def _next(pipeline: Pipeline, waiting: deque[Post]) -> datetime | None:
    with transaction(pipeline.engine) as connection:
        due = progress.next_moment(connection)
    return min([*([due] if due else []), *([waiting[0].at] if waiting else [])], default=None)


def _settle(pipeline: Pipeline) -> None:
    """Do all that is due now, in the order in which the workers' ticks come, until nothing is."""
    for _ in range(1_000):
        with transaction(pipeline.engine) as connection:
            due = progress.due_work(connection, pipeline.clock.at)
        if "slots" in due:
            pipeline.wiring.schedule_runner.run()
        if "sweep" in due:
            pipeline.wiring.silence_sweeper.run()
        if "refresh" in due:
            pipeline.wiring.segment_refresher.run()
        pipeline.work()
        with transaction(pipeline.engine) as connection:
            if progress.is_idle(connection, pipeline.clock.at):
                return
    raise AssertionError(f"what is due at {pipeline.clock.at} never gets done")


def installed(pipeline: Pipeline, texts: dict[str, str]) -> Definitions:
    """Put definitions in force, with a scripted channel for each of theirs, and return them as a simulation takes them."""
    loaded = definitions_yaml.load_sources(texts, CHANNEL_TYPES)
    assert not loaded.errors, definitions_yaml.render_problems(loaded.errors)
    assert loaded.engine is not None
    for name in loaded.engine.channels:
        pipeline.channels.setdefault(name, ScriptedChannel(name))
    ids = {file: sop for sop, file in loaded.files.items()}
    pipeline.wiring.definition_applier.apply({name: (ids.get(name), text) for name, text in texts.items()}, "somebody")
    pipeline.wiring.schedule_runner.run()  # the first tick begins keeping count of slots
    pipeline.wiring.segment_refresher.run()
    return assembled(loaded, 1, dict.fromkeys(loaded.sops, 1), {})


def simulated(posts: Iterable[Post], definitions: Definitions, begin: datetime, end: datetime) -> Playback:
    """Play the same posts in memory."""
    events = [parse.read(post.event, post.at) for post in posts]
    played = Playback()
    refreshes = refreshes_of(definitions, events, begin, end)
    for _, one in play_each((), events, DecisionContext(definitions, begin, NO_INSTALLATION), end, refreshes):
        played.add(one)
    return played


Identity = tuple[str, ...]
"""What a touch or timeline is known by in any installation."""


def touches_of(pipeline: Pipeline) -> dict[Identity, dict[str, Any]]:
    """Return what really came out."""
    found = pipeline.rows(
        """select t.*, c.ref, l.key as timeline_key, l.start_id from touches t
           join timelines l on l.id = t.timeline_id join customers c on c.id = t.customer_id"""
    )
    return {
        (row.ref, row.sop, row.timeline_key, row.start_id, row.step, str(row.fallback)): {
            "kind": row.kind, "status": row.status, "reason": row.reason, "detail": unpacked(row.detail), "channel": row.channel,
            "variant": row.variant, "body": row.body, "due": row.due_at, "at": row.sent_at or row.planned_at,
        }
        for row in found
    }  # fmt: skip


def touches_in(played: Playback) -> dict[Identity, dict[str, Any]]:
    """Return what came out in memory."""
    return {
        (each.customer, touch.timeline.sop, touch.timeline.key, touch.timeline.start_id, touch.step, str(touch.fallback)): {
            "kind": touch.kind, "status": "sent" if touch.status == "queued" else touch.status, "reason": touch.reason,
            "detail": touch.detail, "channel": touch.channel, "variant": touch.variant, "body": touch.body, "due": touch.due_at,
            "at": each.at,
        }
        for each in played.touches
        for touch in [each.touch]
    }  # fmt: skip


def timelines_of(pipeline: Pipeline) -> dict[Identity, dict[str, Any]]:
    """Return how timelines really stand."""
    return {(row.ref, row.sop, row.key, row.start_id): _standing(row) for row in pipeline.timelines()}


def timelines_in(played: Playback) -> dict[Identity, dict[str, Any]]:
    """Return how timelines stand in memory."""
    return {(ref, each.sop, each.key, each.start_id): _standing(each) for ref, each in played.timelines}


def _standing(timeline: Any) -> dict[str, Any]:
    ended = {"ended": timeline.ended_at, "detail": unpacked(timeline.detail)} if timeline.state != "active" else {}
    return {
        "state": timeline.state, "reason": timeline.reason, "anchor": timeline.anchor, "holdout": timeline.holdout,
        "converted": timeline.converted_at, **ended,
    }  # fmt: skip


def differences(did: dict[Identity, dict[str, Any]], would: dict[Identity, dict[str, Any]]) -> list[str]:
    """Return what only one of both has, and what differs, a line each, the first by time."""
    lines = [
        (str(did[each].get("at", "")), f"only really: {' '.join(each)} {did[each]}")
        for each in did.keys() - would.keys()
    ]
    lines += [
        (str(would[each].get("at", "")), f"only in memory: {' '.join(each)} {would[each]}")
        for each in would.keys() - did.keys()
    ]
    for each in did.keys() & would.keys():
        names = [name for name in did[each] | would[each] if did[each].get(name) != would[each].get(name)]
        said = "; ".join(
            f"{name}: really {did[each].get(name)!r}, in memory {would[each].get(name)!r}" for name in names
        )
        lines += [(str(did[each].get("at", "")), f"{' '.join(each)}: {said}")] if names else []
    return [line for _, line in sorted(lines)]
