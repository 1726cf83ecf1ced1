"""A process that sweeps and matches until it is killed: `python -m tests.support.sweeping DATABASE REDIS MOMENT`."""

from __future__ import annotations

import sys
from datetime import datetime

from engine.clocks import VirtualClock
from engine.services.scheduled.sweep_silence import SilenceSweeper
from engine.settings import Settings
from engine.wiring import Wiring


def main() -> None:
    database, queue, moment = sys.argv[1:]
    settings = Settings(database_url=database, redis_url=queue, hint_claim_after=0.1, pool_size=3)  # type: ignore[arg-type]  # pydantic makes them secrets
    wiring = Wiring(settings, "killed")
    wiring.clock = VirtualClock(datetime.fromisoformat(moment))
    sweeping = SilenceSweeper(wiring.runtime, batch=50)
    while True:
        sweeping.run()
        wiring.reconciler.run_once()
        while hints := wiring.hints.take(50, 0):
            wiring.matcher.run_once(hints)


if __name__ == "__main__":
    main()
