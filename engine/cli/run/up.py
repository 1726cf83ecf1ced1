"""`sop up`: everything on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from pydantic import SecretStr

from engine import logs
from engine.cli import panels
from engine.cli.client import KEY_FILE
from engine.cli.definitions.folder import checked, sources
from engine.cli.run.processes import api_command, beat_command, matcher_command, worker_command
from engine.cli.views import output
from engine.core.errors import AccessError, InstallationError
from engine.core.sentence import Sentence
from engine.embedded import EmbeddedServers
from engine.processes.supervisor import Supervisor
from engine.services.rollout.apply import Applied
from engine.settings import Settings
from engine.store import schema
from engine.store.database import transaction
from engine.store.state import definitions
from engine.wiring import Wiring

Say = Callable[[str], None]
_READY_WITHIN = 30.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=panels.START)(up)


def up(
    directory: Annotated[
        Path | None, typer.Argument(help="Definitions applied on the first start.", show_default="sop_definitions")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the API.")] = None,
) -> None:
    """Run the whole engine here: API, matcher, workers, beat; PostgreSQL and Valkey too unless set. Ctrl-C drains.

    The servers' data, the processes' logs and the first admin key live in the state folder (SOP_STATE_DIR).
    """
    settings = Settings()
    logs.configure("warning", "up")
    if port is not None:
        settings = settings.model_copy(update={"api_port": port})
    say = output.say
    with servers(settings, say) as connected, _supervised(connected) as supervisor:
        wiring = Wiring(connected, "up")
        say(Sentence("Bringing the schema up to date"))
        schema.upgrade(wiring.engine)
        _apply_first(wiring, directory or settings.definitions, say)
        write_key(wiring)
        start_all(supervisor, connected)
        url = await_api(connected, supervisor)
        folder = connected.state_dir
        say(
            Sentence(
                "Running. Events go to {url}/v1/events; the admin key is in {file}", url=url, file=folder / KEY_FILE
            )
        )
        say(
            Sentence(
                "Logs are in {folder}. In another terminal: sop event tag.added C1 tag=装修意向 --wait; sop log --follow",
                folder=folder / "logs",
            )
        )
        supervisor.wait()
        say(Sentence("Draining"))


@contextmanager
def servers(settings: Settings, say: Say, *, throwaway: bool = False) -> Iterator[Settings]:
    """Yield settings that name both servers: those set, else embedded ones that end with this process."""
    if settings.database_url and settings.redis_url:
        yield settings
        return
    with EmbeddedServers.start(settings.state_dir, say, throwaway=throwaway) as embedded:
        found = {
            "database_url": settings.database_url or SecretStr(embedded.database_url),
            "redis_url": settings.redis_url or SecretStr(embedded.redis_url),
        }
        yield settings.model_copy(update=found)


@contextmanager
def _supervised(settings: Settings) -> Iterator[Supervisor]:
    supervisor = Supervisor(log_dir=settings.state_dir / "logs")
    try:
        yield supervisor
    finally:
        supervisor.stop()


def start_all(supervisor: Supervisor, settings: Settings) -> None:
    """Start every process of the engine."""
    env = environment(settings)
    supervisor.start("api", api_command(), env)
    supervisor.start("matcher", matcher_command(), env)
    supervisor.start("plan", worker_command("plan", 1), env)
    supervisor.start("send", worker_command("send", settings.send_concurrency), env)
    supervisor.start("beat", beat_command(), env)


def environment(settings: Settings) -> dict[str, str]:
    """Return this process's environment with every setting in it, for children."""
    told = {f"SOP_{name.upper()}": value for name, value in settings.model_dump().items() if value is not None}
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value) for name, value in told.items()
    }
    return {**os.environ, **plain}


def await_api(settings: Settings, supervisor: Supervisor) -> str:
    """Return the API's URL once it answers. Raises InstallationError where it does not."""
    url = f"http://{settings.api_host}:{settings.api_port}"
    end = time.monotonic() + _READY_WITHIN
    while time.monotonic() < end:
        supervisor.poll()
        try:
            if httpx2.get(f"{url}/healthz", timeout=2).status_code == 200:
                return url
        except httpx2.HTTPError:
            time.sleep(0.05)
    raise InstallationError(
        Sentence(
            "the API did not answer on {url} within {seconds} s; see {file}",
            url=url,
            seconds=f"{_READY_WITHIN:.0f}",
            file=settings.state_dir / "logs" / "api.log",
        )
    )


def _apply_first(wiring: Wiring, folder: Path, say: Say) -> None:
    """Apply the definitions where none are in force; later changes are applied by hand."""
    with transaction(wiring.engine) as connection:
        in_force = definitions.generation(connection)
    if in_force:
        say(
            Sentence(
                "Definitions: generation {number} is in force; `sop apply {folder}` puts changes in force",
                number=in_force,
                folder=folder,
            )
        )
        return
    applied: Applied = wiring.definition_applier.apply(sources(checked(folder)), "sop up")
    sops = [name for name in applied.versions if not name.endswith(".yaml")]
    say(
        Sentence.counted(
            "Definitions: applied {folder} ({number:,} SOP)",
            "Definitions: applied {folder} ({number:,} SOPs)",
            len(sops),
            folder=folder,
        )
    )


def write_key(wiring: Wiring) -> str:
    """Return the local admin key, made and written (0600) on the first start or where it no longer fits the database."""
    path = wiring.settings.state_dir / KEY_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        known = path.read_text(encoding="utf-8").strip()
        with suppress(AccessError):
            wiring.api_keys.verify(known)
            return known
    made = wiring.api_keys.create("local admin", ["admin"])
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(made + "\n", encoding="utf-8")
    return made
