"""Every command, run for real under `--lang zh`: what it prints has no English word but codes, keys and names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from structlog.testing import capture_logs

from engine.cli import app
from engine.cli.operate import repair
from engine.core.reasons import Reason
from tests.integration.cli.conftest import CommandLine
from tests.support.chinese import english_words
from tests.support.commands import commands

CUSTOMER = "Z1"

RUN = [
    "init 定义", "validate 定义", "validate 坏的", "validate 没有的", "apply 坏的", "diff 定义", "diff 改过的", "plan 改过的", "plan 坏的",
    "versions",
    "apply 定义", "apply 改过的 --yes", "segments preview 定义", "simulate --example-customer",
    "simulate 定义 --customer 客户.yaml --days 40",
    "simulate 定义 --customer 客户.yaml --days 0 --until 2026-01-01", "simulate 定义",
    "event tag.added Z1 tag=装修意向 --wait", "event tag.added Z1 tag=装修意向 --id 一样", "event tag.added Z1 tag=装修意向 --id 一样",
    "event tag.added Z1 标签", "event tag.added Z1 tag=", "event purchase Z1 order=A-1 amount=贵",
    "event stage.changed Z1 value=不存在 --wait",
    "events", "events --rejected", "explain Z1", "explain Z1 --sop renovation-lead", "explain Z1 --why-not new-friend", "explain 没有的",
    "explain Z1 --sop 没有的", "why renovation-lead", "why wake-up", "why renovation-lead --reason cap", "results renovation-lead",
    "results wake-up", "log", "log --status sent", "log --since 从前",
    "pause renovation-lead --reason 价格写错了", "pause renovation-lead", "pauses", "doctor",
    "resume renovation-lead", "resume renovation-lead", "pauses",
    "pause", "recall renovation-lead --step d3", "recall renovation-lead --step d33", "start new-friend Z1",
    "start new-friend Z1", "cancel Z1", "cancel 999999",
    "test-send renovation-lead d1 --to Z1", "test-send renovation-lead d99 --to Z1", "opt-out Z1", "opt-out Z1", "opt-in Z1",
    "retry 999999", "dead-letters", "dead-letters list", "dead-letters replay 999999", "dead-letters discard 999999", "audit",
    "health api", "health matcher", "health beat", "db upgrade", "key create crm --scope 没有的", "worker 没有的",
]  # fmt: skip
"""Commands in an order in which each has something to say; many are refused."""

ELSEWHERE = {
    "demo", "up",  # tests/acceptance, and tests/unit/cli/run
    "api", "matcher", "worker", "beat",  # they run until they are stopped, and log
    "schema", "reference",  # tests/unit/schema reads them whole
    "key create",  # prints a key
}  # fmt: skip

CODES = frozenset(
    ("api", "cli", "error", "ok", "opt", "pause", "queue", "resume", "root", "sent", "test", "time", "warning")
)
"""Processes, kinds of who gave a command, levels and actions that stay codes in pipes."""

BROKEN = "sop: x\ntrigger: {tag_added: 装修意向}\nsteps: [{id: a, day: 1, message: {txt: 您好}}]\n"


@pytest.fixture(autouse=True)
def _no_logs() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture(scope="module")
def folders(sop: CommandLine) -> Path:
    sop.ok("init", "改过的")
    changed = sop.cwd / "改过的" / "sops" / "renovation-lead.yaml"
    changed.write_text(changed.read_text("utf-8").replace("day: 3", "day: 4"), "utf-8")
    sop.ok("init", "坏的")
    (sop.cwd / "坏的" / "sops" / "x.yaml").write_text(BROKEN, "utf-8")
    (sop.cwd / "客户.yaml").write_text(sop.ok("simulate", "--example-customer", "--lang", "zh"), "utf-8")
    return sop.cwd


def names(sop: CommandLine) -> frozenset[str]:
    """What stands for itself: ids and values of definitions, codes of reasons, states and kinds, who gave a command."""
    written = " ".join(path.read_text("utf-8") for path in (sop.cwd / "mine").rglob("*.yaml"))
    codes = {code for each in Reason for code in each.value.split("_")}
    return (
        frozenset(re.findall(r"[A-Za-z]{2,}", written))
        | codes
        | CODES
        | {word for key in repair._DETAILS for word in key.split("_")}
    )


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_every_command_speaks_chinese(
    sop: CommandLine, folders: Path, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.cli.views.output.on_terminal", lambda: terminal)
    allowed = names(sop)
    english = {}
    for line in RUN:
        done = sop(*line.split(), "--lang", "zh", COLUMNS="1000")  # no id is cut in two
        if words := english_words(done.stdout + done.stderr, allowed):
            english[line] = (words, done.stdout[-800:] + done.stderr[-800:])
    assert not english, "\n\n".join(f"sop {line}: {words}\n{text}" for line, (words, text) in english.items())


def test_no_command_is_left_out() -> None:
    every = {" ".join(path) for path in commands(typer.main.get_command(app.build())) if path}  # type: ignore[arg-type]  # the app is a group
    groups = {"segments", "key", "db"}
    assert (
        every - groups - ELSEWHERE - {name for name in every for line in RUN if f"{line} ".startswith(f"{name} ")}
        == set()
    )
