"""Celery's tasks: a few lines each, calling services."""

from __future__ import annotations

import time
from functools import cache

from engine.clocks import wall_now
from engine.store import installation
from engine.store.database import DatabaseUnavailable, transaction
from engine.wiring import Wiring
from workers.celery_app import app, settings

_SOON = max(1.0, settings.send_interval)
"""Seconds after which a hint to send is dropped: the next tick is there by then, and a pile of hints would only keep
whatever is queued behind it waiting."""


@cache
def wiring() -> Wiring:
    """Return this process's parts."""
    places = 2 * settings.send_concurrency + 1  # a send holds one connection for its place, another for its work
    return Wiring(settings.model_copy(update={"pool_size": max(settings.pool_size, places)}), "worker")


def _task(name: str):  # type: ignore[no-untyped-def]  # Celery ships no types
    """Declare a task that gives up quietly while the database is away: the next tick looks again."""
    return app.task(name=f"sop.{name}", throws=(DatabaseUnavailable,))


@_task("plan")  # type: ignore[untyped-decorator]  # Celery ships no types
def plan() -> None:
    """Plan what is due, then hint that there is work to send."""
    wiring().overdue_rescheduler.run()
    wiring().channel_fallback.run()
    done = wiring().planner.run()
    for channel in sorted(done.channels):
        send.apply_async((channel,), expires=_SOON)
    _alive("plan")


@_task("send")  # type: ignore[untyped-decorator]  # Celery ships no types
def send(channel: str) -> None:
    """Send what is ready on one channel."""
    wiring().sender.run(channel)
    _alive("send")


@_task("send_all")  # type: ignore[untyped-decorator]  # Celery ships no types
def send_all() -> None:
    """Look at every channel that has something ready."""
    for channel in wiring().sender.ready():
        send.apply_async((channel,), expires=_SOON)
    _alive("send")


@_task("sweep")  # type: ignore[untyped-decorator]  # Celery ships no types
def sweep() -> None:
    """Find who has become silent."""
    wiring().silence_sweeper.run()


@_task("slots")  # type: ignore[untyped-decorator]  # Celery ships no types
def slots() -> None:
    """Find who enters by a date or a schedule, and take in who was there before an SOP."""
    wiring().schedule_runner.run()
    wiring().existing_enroller.run()


@_task("refresh")  # type: ignore[untyped-decorator]  # Celery ships no types
def refresh() -> None:
    """Refresh numbers and computed dimensions whose slot has come."""
    wiring().segment_refresher.run()


@_task("reconcile")  # type: ignore[untyped-decorator]  # Celery ships no types
def reconcile() -> None:
    """Find again what got lost, and bring timelines and clocks in line that an apply or a resume left behind."""
    wiring().reconciler.run_once()
    wiring().operations.resumer.go_on()
    wiring().definition_applier.settle()
    wiring().clock_rebaser.run(seconds=5.0)


@_task("beat")  # type: ignore[untyped-decorator]  # Celery ships no types
def beat() -> None:
    """Note that beat's ticks arrive."""
    _alive("beat")


_last_beats: dict[str, float] = {}


def _alive(name: str) -> None:
    """Note that this kind of work gets done, every few seconds."""
    if time.monotonic() - _last_beats.get(name, -10.0) < 4:
        return
    _last_beats[name] = time.monotonic()
    with transaction(wiring().engine) as connection:
        installation.beat(connection, name, wall_now())
