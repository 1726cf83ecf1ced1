"""`sop demo` says by its exit code whether everything came out as the definitions promise."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine import definitions_yaml
from engine.core.playback.played import Playback
from engine.demo.feed import ZONE, end, feed
from engine.demo.verdict import DemoOutcome, Verdict, expected, judge
from engine.wiring import CHANNEL_TYPES
from tests.acceptance.installation import BIN, ROOT
from tests.support.builders import INSTALLATION, definitions


def test_a_small_demo_holds(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "en_US.UTF-8"}
    command = [str(BIN / "sop"), "demo", "--customers", "30", "--days", "20"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = [line.split() for line in done.stdout.splitlines()]
    assert ["lost", "0"] in figures and ["doubled", "0"] in figures, done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@dataclass
class Outcome:
    """What came out of a demo, as the database and the channel's log tell it."""

    promised: Playback
    touches: list[Any] = field(default_factory=list)
    timelines: list[Any] = field(default_factory=list)
    out: Counter[str] = field(default_factory=Counter)

    def verdict(self) -> Verdict:
        events: list[Any] = [SimpleNamespace(matched_at=end(20))]
        return judge(self.promised, DemoOutcome(self.touches, self.timelines, events, self.out), ZONE)


@pytest.fixture
def outcome() -> Outcome:
    """Everything as promised."""
    loaded = definitions_yaml.load(ROOT / "sop_definitions", CHANNEL_TYPES)
    known = definitions(*loaded.sops.values(), engine=loaded.engine)
    promised = expected(feed(10, 20), [], known, end(20), INSTALLATION)
    outcome = Outcome(promised)
    for played in promised.touches:
        touch, timeline = played.touch, played.touch.timeline
        status = "sent" if touch.status == "queued" else touch.status
        row = SimpleNamespace(
            ref=played.customer, sop=timeline.sop, timeline_key=timeline.key, start_id=timeline.start_id, step=touch.step, kind=touch.kind,
            status=status, reason=touch.reason, channel=touch.channel, due_at=touch.due_at, planned_at=played.at, key=touch.key,
            sent_at=played.at if status == "sent" else None, body=touch.body,
        )  # fmt: skip
        outcome.touches.append(row)
        if status == "sent" and touch.kind != "do":
            outcome.out[touch.key] += 1
    for ref, each in promised.timelines:
        ended = {"state": each.state, "reason": each.reason, "detail": each.detail}
        outcome.timelines.append(SimpleNamespace(ref=ref, sop=each.sop, key=each.key, start_id=each.start_id, **ended))
    return outcome


def message(outcome: Outcome) -> Any:
    """Return a message that was sent."""
    return next(row for row in outcome.touches if row.status == "sent" and row.kind == "message")


def test_all_as_promised_holds(outcome: Outcome) -> None:
    verdict = outcome.verdict()
    assert verdict.held and verdict.sent > 10


def test_a_touch_never_planned_is_lost(outcome: Outcome) -> None:
    gone = message(outcome)
    outcome.touches.remove(gone)
    del outcome.out[gone.key]
    verdict = outcome.verdict()
    assert len(verdict.lost) == 1 and not verdict.held


def test_a_touch_called_sent_that_never_went_out_is_lost(outcome: Outcome) -> None:
    del outcome.out[message(outcome).key]
    verdict = outcome.verdict()
    assert len(verdict.lost) == 1 and not verdict.held


def test_a_touch_that_went_out_twice_is_doubled(outcome: Outcome) -> None:
    outcome.out[message(outcome).key] += 1
    verdict = outcome.verdict()
    assert len(verdict.doubled) == 1 and not verdict.held


def test_another_text_than_promised_does_not_hold(outcome: Outcome) -> None:
    message(outcome).body = {"text": "None，您好"}
    verdict = outcome.verdict()
    assert len(verdict.differing) == 1 and not verdict.held


def test_a_touch_nobody_promised_does_not_hold(outcome: Outcome) -> None:
    outcome.out["no such key"] += 1
    assert not outcome.verdict().held


def test_a_timeline_that_ended_otherwise_does_not_hold(outcome: Outcome) -> None:
    outcome.timelines[0].state = "cancelled"
    assert not outcome.verdict().held
