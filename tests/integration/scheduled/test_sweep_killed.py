"""Sweeping, killed: a process that sweeps and matches dies again and again, wherever it happens to be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.support.interleaving import eventually
from tests.support.pipeline import Pipeline
from tests.support.silent_customers import CLOCKS, WAKE, silent_since_the_start


def test_killed_again_and_again_no_episode_is_lost_and_none_comes_twice(
    pipeline: Pipeline, database_url: str, redis_url: str
) -> None:
    """A real process sweeps and matches; it is killed with -9 wherever it happens to be."""
    number = 3_000
    pipeline.apply(WAKE, WAKE.replace("wake", "again").replace("30}", "31}"), engine=CLOCKS)
    silent_since_the_start(pipeline, number)
    pipeline.wait_until(31, "00:00")
    command = [
        sys.executable,
        "-m",
        "tests.support.sweeping",
        database_url,
        redis_url,
        pipeline.clock.at.isoformat(),
    ]

    def matched() -> int:
        return int(
            pipeline.rows("select count(*) as n from events where type = 'engine.silent' and matched_at is not null")[
                0
            ].n
        )

    for kill in range(1, 6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=os.getcwd())
        wanted = 2 * number if kill == 5 else matched() + 400 + 37 * kill
        try:
            eventually(lambda wanted=wanted: matched() >= wanted, f"{wanted} crossings are matched")  # type: ignore[misc]  # the default binds the loop's value
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    crossed = [
        (row.subject, row.data["days"])
        for row in pipeline.rows("select subject, data from events where type = 'engine.silent'")
    ]
    assert sorted(crossed) == sorted((f"s{each:06}", days) for each in range(1, number + 1) for days in (30, 31))
    assert {row.level for row in pipeline.rows("select distinct level from customer_clocks")} == {31}
    started = pipeline.rows("select customer_id, sop, count(*) as n from timelines group by 1, 2")
    assert (len(started), {row.n for row in started}) == (2 * number, {1})
