"""PostgreSQL and Valkey from Python wheels, for a machine that has neither. See docs/embedded.md."""

from __future__ import annotations

from engine.embedded.servers import EmbeddedServers, running
from engine.embedded.urls import Urls, broker_url

__all__ = ["EmbeddedServers", "Urls", "broker_url", "running"]
