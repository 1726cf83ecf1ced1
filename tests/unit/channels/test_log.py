"""The log channel writes one JSON line per touch."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.channels.registry import build
from engine.ports import Channel, Delivery


def log(path: Path | None = None) -> Channel:
    section = {"type": "log"} if path is None else {"type": "log", "path": str(path)}
    return build("log", section, {}, wall=lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))


def delivery(key: str = "k1", body: dict[str, Any] | None = None) -> Delivery:
    return Delivery(
        key=key,
        customer="c1",
        sop="lead",
        step="d1",
        kind="message",
        body=body or {"text": "王女士,您好"},
        due_at=datetime(2026, 11, 21, 2, tzinfo=UTC),
        attempt=1,
    )


def lines(text: str) -> list[dict[str, Any]]:
    *whole, rest = text.split("\n")
    assert rest == "", "the last line is torn"
    return [json.loads(line) for line in whole]


def test_a_touch_is_one_line_with_its_body_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    receipts = log().send([delivery()])

    assert [receipt.outcome for receipt in receipts] == ["sent"]
    assert lines(capfd.readouterr().out) == [
        {
            "event": "touch.out",
            "level": "info",
            "timestamp": "2026-11-21T12:00:00Z",
            "key": "k1",
            "customer": "c1",
            "sop": "lead",
            "step": "d1",
            "kind": "message",
            "body": {"text": "王女士,您好"},
        }
    ]


def test_a_line_stays_one_line_whatever_the_body_holds(tmp_path: Path) -> None:
    path = tmp_path / "touches.ndjson"

    log(path).send([delivery(body={"text": 'a\r\nb\u2028"c"\x1b[31m'})])

    assert path.read_bytes().count(b"\n") == 1
    assert lines(path.read_text())[0]["body"]["text"] == 'a\r\nb\u2028"c"\x1b[31m'


def test_a_file_is_appended_to_and_private(tmp_path: Path) -> None:
    path = tmp_path / "touches.ndjson"

    log(path).send([delivery("k1"), delivery("k2")])
    log(path).send([delivery("k3")])

    assert [line["key"] for line in lines(path.read_text())] == ["k1", "k2", "k3"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_moved_away_by_log_rotation_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "touches.ndjson"
    channel = log(path)
    channel.send([delivery("k1")])

    path.rename(tmp_path / "touches.1")
    channel.send([delivery("k2")])

    assert [line["key"] for line in lines(path.read_text())] == ["k2"]


def test_batches_written_at_once_do_not_interleave(tmp_path: Path) -> None:
    path = tmp_path / "touches.ndjson"
    batches = [[delivery(f"{batch}-{at}", {"text": "x" * 300}) for at in range(100)] for batch in range(8)]

    send_at_once([log(path) for _ in batches], batches)

    keys = [line["key"] for line in lines(path.read_text())]
    assert sorted(keys) == sorted(each.key for batch in batches for each in batch)
    assert len({keys[at].split("-")[0] for at in range(100)}) == 1


def send_at_once(channels: Sequence[Channel], batches: Sequence[Sequence[Delivery]]) -> None:
    threads = [threading.Thread(target=each.send, args=(batch,)) for each, batch in zip(channels, batches, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_body_that_json_cannot_carry_fails_alone(tmp_path: Path) -> None:
    path = tmp_path / "touches.ndjson"

    receipts = log(path).send([delivery("k1"), delivery("k2", {"n": 2**80}), delivery("k3")])

    assert [receipt.outcome for receipt in receipts] == ["sent", "failed", "sent"]
    assert [line["key"] for line in lines(path.read_text())] == ["k1", "k3"]


def test_a_log_that_cannot_be_written_is_retried(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    channel = log(folder / "touches.ndjson")
    (folder / "touches.ndjson").unlink()
    folder.rmdir()

    receipts = channel.send([delivery()])

    assert receipts[0].outcome == "retry"
    assert "No such file or directory" in receipts[0].detail
