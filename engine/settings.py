"""One typed environment, prefix `SOP_`. `.env.example` lists every name."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.core.time import cron


def default_state_dir() -> Path:
    """Return the folder for embedded servers: a system folder for root (see docs/embedded.md), else the user's state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/sop-engine")
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "sop-engine"


class Settings(BaseSettings):
    """Everything that can be set from outside. Secrets are never printed."""

    model_config = SettingsConfigDict(env_prefix="SOP_", env_file=".env", env_file_encoding="utf-8", extra="ignore")

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL, e.g. postgresql://sop@db/sop. Unset: the embedded server."
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis ≥ 6.2 or Valkey, e.g. redis://redis/0. Unset: the embedded server."
    )
    state_dir: Path = Field(
        default_factory=default_state_dir, description="Folder of the embedded servers and the local admin key."
    )
    definitions: Path = Field(Path("sop_definitions"), description="Folder of engine.yaml and sops/*.yaml.")

    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(8000, ge=0, le=65535, description="Port the API listens on.")
    api_url: str | None = Field(
        None, description="Where `sop event` finds the API. Unset: http://<api_host>:<api_port>."
    )
    api_key: SecretStr | None = Field(
        None, description="Key the command line uses. Unset: the one in the state folder."
    )

    clock: str = Field(
        "wall",
        pattern="^(wall|stepped)$",
        description="wall, or stepped: business time is a row in the database (demo).",
    )
    plan_interval: float = Field(1.0, gt=0, description="Seconds between beat's plan ticks.")
    send_interval: float = Field(1.0, gt=0, description="Seconds between beat's send ticks, per channel.")
    sweep_interval: float = Field(60.0, gt=0, description="Seconds between sweeps for silent customers.")
    sweep_cron: str | None = Field(None, description="Sweep only at these slots, e.g. '5 0 * * *' (engine's zone).")
    slot_interval: float = Field(
        60.0, gt=0, description="Seconds between looks at dates, schedules and customers to be taken in."
    )
    refresh_interval: float = Field(
        30.0, gt=0, description="Seconds between looks whether metrics and dimensions are to be refreshed."
    )
    reconcile_interval: float = Field(10.0, gt=0, description="Seconds between reconciler runs.")
    lease_margin: float = Field(30.0, gt=0, description="Seconds a sender's lease outlasts its channel's timeout.")
    hint_claim_after: float = Field(
        15.0, gt=0, description="Seconds after which a hint that a matcher left lying is taken over."
    )
    match_batch: int = Field(500, ge=1, le=5000, description="Customers per matching transaction.")
    plan_batch: int = Field(500, ge=1, le=5000, description="Customers per planning transaction.")
    send_concurrency: int = Field(4, ge=1, le=64, description="Threads of the send worker.")
    intake_grouping: float = Field(
        0.003, ge=0, le=1, description="Seconds concurrent posts wait for each other to share a commit."
    )
    pool_size: int = Field(5, ge=1, le=100, description="Database connections per process.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")

    @field_validator("sweep_cron")
    @classmethod
    def _cron(cls, expression: str | None) -> str | None:
        return cron.checked(expression) if expression else None


def temporary_state_dir(prefix: str = "sop-") -> Path:
    """Return a fresh, private folder for throw-away servers, outside every home folder."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
