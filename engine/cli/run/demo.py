"""`sop demo`: the whole engine on this machine, forty days of a renovation company in a minute."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine import logs
from engine.cli import panels
from engine.cli.definitions.folder import checked, sources
from engine.cli.language import language, tell
from engine.cli.run.up import await_api, servers, start_all, write_key
from engine.clocks import SteppedClock
from engine.core.definitions.catalog import Definitions
from engine.core.sentence import Sentence
from engine.definitions_yaml.shipped import shipped_definitions
from engine.demo.driver import Driven, Driver
from engine.demo.feed import CUSTOMERS, DAYS, ZONE, end, feed, names, start
from engine.demo.verdict import DemoOutcome, Verdict, expected, judge, written_keys
from engine.demo.view import View
from engine.messages.reasons import sentence
from engine.processes.supervisor import Supervisor
from engine.settings import Settings, temporary_state_dir
from engine.store import installation, schema
from engine.store.database import transaction
from engine.store.reports import progress
from engine.wiring import Wiring


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=panels.START)(demo)


def demo(
    customers: Annotated[int, typer.Option(min=1, max=5000, help="How many customers the feed has.")] = CUSTOMERS,
    days: Annotated[int, typer.Option(min=2, max=120, help="How many days pass.")] = DAYS,
    keep: Annotated[
        bool, typer.Option(help="Keep everything running at the end, to look around; Ctrl-C ends it.")
    ] = False,
) -> None:
    """Watch the whole engine work: a CRM feed in, SOP messages out on days 1, 3, 8 and 15, and every one of them checked.

    Real processes on real servers: HTTP, PostgreSQL, a Redis stream, Celery beat and workers. Only time is not real. Exits by itself,
    with 1 if what came out is not what the definitions say.
    """
    console = Console() if sys.stdout.isatty() else Console(width=150)
    logs.configure("warning", "demo")
    began = time.monotonic()
    settings = _settings()
    verdict = None
    try:
        with _running(settings, console) as stage:
            driven = _drive(stage, console, customers, days)
            verdict = _judge(stage, driven, customers, days)
            _report(console, verdict, stage, driven, time.monotonic() - began, names(feed(customers, days)))
            if keep:
                _wait(stage, console)
    finally:
        if verdict is not None and verdict.held:
            shutil.rmtree(settings.state_dir, ignore_errors=True)
        else:
            console.print(
                tell(Sentence("What the processes logged is in {folder}", folder=settings.state_dir / "logs"))
            )
    raise typer.Exit(0 if verdict.held else 1)


def _settings() -> Settings:
    """Return settings of a demo: fresh embedded servers, the stepped clock, quick ticks, any free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Settings().model_copy(
        update={
            "database_url": None, "redis_url": None, "state_dir": temporary_state_dir("sop-demo-"), "definitions": shipped_definitions(),
            "api_host": "127.0.0.1", "api_port": port, "api_key": None, "api_url": None, "clock": "stepped",
            "plan_interval": 0.2, "send_interval": 0.2, "reconcile_interval": 2.0,
            "sweep_interval": 2.0, "slot_interval": 2.0, "refresh_interval": 2.0, "log_level": "info",
        }
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """The running engine of a demo."""

    wiring: Wiring
    supervisor: Supervisor
    url: str
    key: str
    definitions: Definitions
    titles: Mapping[str, str]


@contextmanager
def _running(settings: Settings, console: Console) -> Iterator[Stage]:
    """Yield the engine with every process running, the clock at the first day's start."""
    with (
        console.status(tell(Sentence("Starting"))) as status,
        servers(settings, lambda said: status.update(tell(said)), throwaway=True) as connected,
        Supervisor(log_dir=settings.state_dir / "logs") as supervisor,
    ):
        wiring = Wiring(connected, "demo")
        schema.upgrade(wiring.engine)
        SteppedClock(wiring.engine).move(start())
        wiring.definition_applier.apply(sources(checked(settings.definitions)), "sop demo")
        wiring.schedule_runner.run()  # from here on the driver knows when the next slots are
        wiring.segment_refresher.run()
        key = write_key(wiring)
        status.update(tell(Sentence("Starting API, matcher, workers and beat")))
        start_all(supervisor, connected)
        url = await_api(connected, supervisor)
        with transaction(wiring.engine) as connection:
            definitions = wiring.current.read(connection)
        status.stop()
        pids = [f"{name} {pid}" for name, pid in supervisor.pids.items()]
        running = Sentence(
            "PostgreSQL, Valkey; processes: {processes}; events go to {url}/v1/events", processes=pids, url=url
        )
        console.print(tell(running), highlight=False, soft_wrap=True)
        titles = {name: defined.sop.title for name, defined in definitions.sops.items()}
        yield Stage(wiring, supervisor, url, key, definitions, titles)


def _drive(stage: Stage, console: Console, customers: int, days: int) -> Driven:
    view = View(console, stage.titles, ZONE, days, language())
    last = 0

    def on_moment(now: datetime, driven: Driven) -> None:
        nonlocal last
        stage.supervisor.poll()
        with transaction(stage.wiring.engine) as connection:
            new = progress.touches_after(connection, last)
        last = max((row.id for row in new), default=last)
        view.moment(now, driven.posted, new)

    with view.showing():
        driven = Driver(stage.wiring, stage.url, stage.key, on_moment).run(feed(customers, days), end(days))
    view.close()
    return driven


def _judge(stage: Stage, driven: Driven, customers: int, days: int) -> Verdict:
    """Compare the database and the channel's log with what core alone makes of the same events."""
    with transaction(stage.wiring.engine) as connection:
        identity, refreshed = installation.installation_id(connection), progress.refreshed(connection)
        promised = expected(feed(customers, days), refreshed, stage.definitions, end(days), identity)
        touches, timelines = progress.touches(connection), progress.timelines(connection)
        events = progress.event_outcomes(connection)
    out = written_keys(stage.wiring.settings.state_dir / "logs" / "send.log")
    verdict = judge(promised, DemoOutcome(touches, timelines, events, out), ZONE)
    if verdict.events != driven.posted:
        verdict.differing.append(
            Sentence("events: posted {posted}, in the inbox {found}", posted=driven.posted, found=verdict.events)
        )
    return verdict


def _report(
    console: Console, verdict: Verdict, stage: Stage, driven: Driven, seconds: float, called: Mapping[str, str]
) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for head, said in _rows(verdict, stage, called):
        table.add_row(tell(head), tell(said))
    console.print(table, soft_wrap=True)
    for problem in [*verdict.lost, *verdict.doubled, *verdict.unexpected, *verdict.differing][:20]:
        console.print(f"  {tell(problem)}", markup=False, highlight=False)
    console.print(tell(_conclusion(verdict, driven, seconds)), highlight=False)
    after = Sentence(
        "Definitions: {folder}. Next: `sop up`, edit them, `sop apply`; `sop demo --keep` leaves this running.",
        folder=stage.wiring.settings.definitions,
    )
    console.print(tell(after), highlight=False, soft_wrap=True)


def _rows(verdict: Verdict, stage: Stage, called: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what came out, each figure with its heading."""
    events = Sentence(
        "{number} posted over HTTP, {unmatched} not matched", number=verdict.events, unmatched=verdict.unmatched
    )
    yield Sentence.within("demo", "events"), events
    yield Sentence.within("demo", "timelines"), str(verdict.timelines)
    yield Sentence.within("demo", "touches sent"), str(verdict.sent)
    yield "", "\n".join(f"{number:5d}  {stage.titles.get(sop, sop)}" for sop, number in verdict.per_sop.items())
    yield Sentence.within("demo", "per day"), _days(verdict.per_day)
    yield Sentence.within("demo", "silent"), _silent(verdict, called)
    yield Sentence.within("demo", "ends"), _reasons(verdict.ends)
    yield Sentence.within("demo", "skips"), _reasons(verdict.skips)
    yield Sentence.within("demo", "lost"), str(len(verdict.lost))
    yield Sentence.within("demo", "doubled"), str(len(verdict.doubled))
    otherwise = len(verdict.differing) + len(verdict.unexpected)
    yield (
        Sentence.within("demo", "otherwise"),
        Sentence("{number} touches or timelines not as core alone says", number=otherwise),
    )
    p99, longest = f"{verdict.lateness_p99:g}", f"{verdict.lateness_max:g}"
    yield (
        Sentence.within("demo", "lateness"),
        Sentence("p99 {p99} s, longest {longest} s of business time", p99=p99, longest=longest),
    )


def _conclusion(verdict: Verdict, driven: Driven, seconds: float) -> Sentence:
    figures = {"moments": driven.moments, "days": len(verdict.per_day), "seconds": f"{seconds:.0f}"}
    if verdict.held:
        return Sentence("as the definitions promise: {moments} moments of {days} days in {seconds} s", **figures)
    return Sentence("NOT as the definitions promise: {moments} moments of {days} days in {seconds} s", **figures)


def _silent(verdict: Verdict, called: Mapping[str, str]) -> Sentence:
    """Return how many were woken, and who answered in time to get nothing more."""
    figures = {"woken": verdict.woken, "answered": len(verdict.answered)}
    first = next((ref for ref in verdict.answered if ref in called), None)
    if first is None:
        return Sentence("woken: {woken}, replied in time: {answered}", **figures)
    return Sentence(
        "woken: {woken}, replied in time: {answered}; "
        "{customer} {name} wrote after the first message and got no more (sop explain {customer})",
        **figures, customer=first, name=called[first],
    )  # fmt: skip


def _days(per_day: Mapping[str, int]) -> str:
    """Return the touches of each day, ten days a line."""
    numbers = list(per_day.items())
    lines = [numbers[at : at + 10] for at in range(0, len(numbers), 10)]
    return "\n".join(f"{line[0][0]}  " + " ".join(f"{number:4d}" for _, number in line) for line in lines)


_STATES = {
    "active": Sentence.within("timeline", "active"),
    "completed": Sentence.within("timeline", "completed"),
    "converted": Sentence.within("timeline", "converted"),
    "exited": Sentence.within("timeline", "exited"),
    "cancelled": Sentence.within("timeline", "cancelled"),
}
"""States of a timeline that tell why it is no longer, or still, on its way."""


def _reasons(counts: Mapping[str, int]) -> str:
    """Return how often each reason was one, a line each; a timeline without a reason stands under its state."""
    ordered = sorted(counts.items(), key=lambda each: -each[1])
    return "\n".join(tell(_reason(name, number)) for name, number in ordered)


def _reason(name: str, number: int) -> Sentence:
    why = _STATES.get(name) or sentence(name.split(" ")[0])
    if why == name:
        return Sentence("{number:5d}  {why}", number=number, why=why)
    return Sentence("{number:5d}  {name}: {why}", number=number, name=name, why=why)


def _wait(stage: Stage, console: Console) -> None:
    still = Sentence(
        "Still running. In another terminal: export SOP_STATE_DIR={folder} SOP_CLOCK=stepped; then sop log, sop explain C0007, sop events",
        folder=stage.wiring.settings.state_dir,
    )
    console.print(tell(still), highlight=False, soft_wrap=True)
    stage.supervisor.wait()
