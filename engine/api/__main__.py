"""The API as a process: `python -m engine.api`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

from engine import logs
from engine.api.dependencies import Parts
from engine.api.server import serve
from engine.core.errors import SopError
from engine.messages.languages import language_of, tell
from engine.settings import Settings
from engine.store.database import transaction
from engine.wiring import Wiring


def main() -> int:
    """Serve until SIGTERM or SIGINT. Return the exit code."""
    settings = Settings()
    logs.configure(settings.log_level, "api")
    wiring = Wiring(settings, "api")
    try:
        _read_definitions(wiring)
        parts = Parts(
            wiring.engine,
            wiring.clock,
            wiring.ingest,
            wiring.customer_explainer,
            wiring.results_reporter,
            wiring.sop_reporter,
            wiring.overview,
            wiring.simulator,
            wiring.api_keys,
            wiring.operations,
            wiring.receipt_recorder,
            settings,
            wiring.readiness,
            version("sop-engine"),
        )
        serve(parts, settings.api_host, settings.api_port)
    except SopError as error:
        sys.stderr.write(f"{tell(error.message, language_of(os.environ))}\n")
        return 1
    return 0


def _read_definitions(wiring: Wiring) -> None:
    """Know the definitions from the start, for the warnings in answers."""
    with transaction(wiring.engine) as connection:
        wiring.current.read(connection)


if __name__ == "__main__":
    sys.exit(main())
