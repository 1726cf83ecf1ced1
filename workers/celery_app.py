"""Celery: beat says «look», short tasks look. Everything it carries is a hint; losing it loses nothing.

Two queues: `plan`, with a worker of its own, and `send`. Ticks expire; nothing ever has an eta or a countdown.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import celeryd_init, setup_logging, worker_ready

from engine import logs
from engine.embedded import broker_url
from engine.processes.collector import spare_the_collector
from engine.settings import Settings
from engine.wiring import urls

settings = Settings()


def _every(seconds: float, task: str) -> dict[str, Any]:
    """Return beat's entry for a tick; one that waits longer than its interval is worth nothing."""
    return {"task": task, "schedule": seconds, "options": {"expires": max(1.0, seconds)}}


app = Celery("sop", broker=broker_url(urls(settings)[1]), include=["workers.tasks"])
app.conf.update(
    task_ignore_result=True,
    task_default_queue="plan",
    task_routes={"sop.send*": {"queue": "send"}, "sop.*": {"queue": "plan"}},
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 60,
        "socket_timeout": 5,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
    },
    timezone="UTC",
    beat_scheduler="celery.beat:Scheduler",
    beat_max_loop_interval=min(settings.plan_interval, 1.0),
    beat_schedule={
        "plan": _every(settings.plan_interval, "sop.plan"),
        "send": _every(settings.send_interval, "sop.send_all"),
        "sweep": _every(settings.sweep_interval, "sop.sweep"),
        "slots": _every(settings.slot_interval, "sop.slots"),
        "refresh": _every(settings.refresh_interval, "sop.refresh"),
        "reconcile": _every(settings.reconcile_interval, "sop.reconcile"),
        "beat": _every(5.0, "sop.beat"),
    },
)


@celeryd_init.connect  # type: ignore[untyped-decorator]  # Celery ships no types; before this Celery warns already
@setup_logging.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _configure_logs(**_: Any) -> None:
    """Keep Celery from setting up logs of its own."""
    logs.configure(settings.log_level, "worker")


@worker_ready.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _spare_the_collector(**_: Any) -> None:
    """Everything is loaded, the work begins."""
    spare_the_collector()
