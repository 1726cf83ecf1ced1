"""`sop simulate` needs no servers and sends nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.app import run
from engine.definitions_yaml.shipped import shipped_definitions

FOLDER = str(shipped_definitions())
EVENT = {
    "source": "crm", "id": "1", "type": "tag.added", "subject": "C1", "time": "2026-03-02T10:00:00+08:00", "data": {"tag": "装修意向"},
}  # fmt: skip


@pytest.fixture
def sop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs a command in an empty folder, with servers that nobody answers at."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("engine.logs.configure", lambda level, process: None)
    monkeypatch.setenv("SOP_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("SOP_REDIS_URL", "redis://127.0.0.1:1/0")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["simulate", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def events(tmp_path: Path) -> str:
    path = tmp_path / "e.ndjson"
    path.write_text(json.dumps(EVENT, ensure_ascii=False) + "\n", "utf-8")
    return str(path)


def test_a_calendar_of_events(sop, events: str) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = sop(FOLDER, "--events", events, "--lang", "zh", "--days", "5")
    assert code == 0
    assert "2026-03-03 10:00  ✓ 「装修意向客户培育」d1：经 crm 发给客户" in out
    assert "没有发送任何东西" in out


def test_json_holds_every_touch_with_its_text(sop, events: str) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = sop(FOLDER, "--events", events, "--format", "json", "--until", "2026-03-10")
    report = json.loads(out)
    texts = [line["body"]["text"] for line in report["calendars"][0]["lines"] if line["what"] == "touch"]
    assert len(texts) == report["totals"]["sent"] == 2
    assert report["until"] == "2026-03-10T00:00:00+08:00"


def test_a_page_into_a_file(sop, events: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = sop(FOLDER, "--events", events, "--format", "html", "-o", "page.html")
    assert (code, out) == (0, "")
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")
    assert "page.html" in err


def test_the_example_customer_goes_in_as_it_comes_out(sop, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, text, _ = sop("--example-customer", "--lang", "en")
    (tmp_path / "c.yaml").write_text(text, "utf-8")
    code, out, err = sop(FOLDER, "--customer", "c.yaml", "--lang", "en")
    assert (code, err) == (0, "")
    assert "Customer C1001 王女士" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "name one of"),
        (["--events", "none.ndjson"], 1, "no file `none.ndjson`"),
        (["--events", "{events}", "--until", "2026-03-01"], 1, "is not after the beginning"),
        (["--events", "{events}", "--days", "3", "--until", "7d"], 2, "not both"),
        (["--events", "{events}", "--sop", "wake-upp"], 1, "wake-up"),
        (["--events", "{events}", "--customer-ref", "C2"], 1, "no event of this file names the customer `C2`. Did you"),
        (["--replay", "--days", "3"], 2, "goes up to now"),
    ],
)
def test_what_cannot_be_done_is_said(sop, events: str, arguments: list[str], code: int, said: str) -> None:  # type: ignore[no-untyped-def]
    given = [each.format(events=events) for each in arguments]
    ended, out, err = sop(FOLDER, *given)
    assert (ended, out) == (code, "")
    assert said in " ".join(err.split())


def test_one_bad_line_and_nothing_is_simulated(sop, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "e.ndjson").write_text(json.dumps(EVENT) + '\n{"source": "crm"}\n', "utf-8")
    code, out, err = sop(FOLDER, "--events", "e.ndjson")
    assert (code, out) == (1, "")
    assert "e.ndjson:2: id is missing" in err
    assert "1 event cannot be taken" in err


def test_a_customer_with_a_full_width_colon_is_told_of_it(sop, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, text, _ = sop("--example-customer", "--lang", "en")
    (tmp_path / "c.yaml").write_text(text.replace("ref: ", "ref："), "utf-8")
    code, _, err = sop(FOLDER, "--customer", "c.yaml")
    assert code == 1
    assert "`ref：` has a full-width colon; write `ref: `" in err


def test_only_the_customer_that_was_named_is_shown(sop, events: str) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = sop(FOLDER, "--events", events, "--customer-ref", "C1", "--lang", "en")
    assert code == 0
    assert "customers: 1, events:" in out


def test_nothing_that_simulates_could_send() -> None:
    """The service and the core load no channel, no HTTP client and no queue."""
    program = """
import sys
import engine.core.simulation.simulate, engine.core.simulation.event_file
import engine.definitions_yaml.customers, engine.services.rollout.simulate
senders = ("engine.channels", "engine.adapters.hint_queue", "engine.services.pipeline.send", "httpx", "redis")
loaded = [name for name in sys.modules if name.startswith(senders)]
print(loaded)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
