"""`sop`, as an operator and a script meet it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.integration.cli.conftest import SOP, CommandLine


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never came true"
        time.sleep(0.05)


def on_terminal(sop: CommandLine, *arguments: str, **more: str) -> str:
    """Return what a command shows on a terminal."""
    ours, theirs = pty.openpty()
    env = {key: value for key, value in sop.env.items() if key != "NO_COLOR"} | {"TERM": "xterm-256color", **more}
    process = subprocess.Popen([str(SOP), *arguments], env=env, cwd=sop.cwd, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    process.wait(90)
    return shown.decode()


# ── events, their story, the log ─────────────────────────────────────────────────────────────────────────────


def test_an_event_is_posted_and_what_came_of_it_is_said_in_both_languages(sop: CommandLine) -> None:
    english = sop.really("event", "tag.added", "E1", "tag=装修意向", "--wait")
    assert (english.returncode, english.stderr) == (0, "")
    assert english.stdout.splitlines()[1:] == ["  started renovation-lead v1 (trigger/0/tag_added)"]
    chinese = sop.ok("event", "tag.added", "E1", "tag=装修意向", "--wait", LANG="zh_CN.UTF-8")
    assert "没有变化" in chinese


def test_the_same_id_again_is_a_duplicate_and_another_body_is_refused(sop: CommandLine) -> None:
    sop.ok("event", "visit", "E2", "--id", "v-1", "--time", "2026-03-01T10:00:00+08:00")
    again = sop.ok("event", "visit", "E2", "--id", "v-1", "--time", "2026-03-01T10:00:00+08:00")
    assert "duplicate" in again
    other = sop("event", "visit", "E3", "--id", "v-1")
    assert (other.returncode, other.stdout) == (1, "")
    assert other.stderr.startswith("sop: ")
    assert other.stderr.count("\n") == 1


def test_data_is_json_where_it_is_json_and_nests_at_dots(sop: CommandLine) -> None:
    sop.ok("event", "customer.updated", "E4", "attributes.name=王女士", "attributes.budget=200000", "--wait")
    story = json.loads(sop.ok("explain", "E4", "--json"))
    assert story["attributes"] == {"name": "王女士", "budget": 200000}


def test_a_story_tells_the_timeline_with_planned_times_in_the_engines_zone(sop: CommandLine) -> None:
    sop.ok("event", "friend.added", "S1", "staff=wangli", "--wait")
    told = sop.really("explain", "S1", "--lang", "zh").stdout
    assert re.search(r"新好友欢迎（new-friend v1）：进行中，\d{4}-\d\d-\d\d \d\d:\d\d", told)
    assert re.search(r"· d1 +计划 \d{4}-\d\d-\d\d 10:00", told)
    story = json.loads(sop.ok("explain", "S1", "--json"))
    (timeline,) = story["timelines"]
    anchor, planned = (datetime.fromisoformat(each) for each in (timeline["anchor"], timeline["steps"][1]["due_at"]))
    assert (timeline["state"], timeline["steps"][1]["status"]) == ("active", "planned")
    assert planned > anchor


def test_a_story_of_nobody_and_of_no_sop_ends_with_one_line(sop: CommandLine) -> None:
    sop.ok("event", "visit", "customer-77", "--wait")
    nobody = sop("explain", "customer-78")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "Did you mean `customer-77`?" in nobody.stderr
    assert "waits for" in sop.ok("explain", "customer-77", "--sop", "renovation-lead")


def test_why_counts_what_an_sop_did_within_a_hundred_columns(sop: CommandLine) -> None:
    sop.ok("event", "customer.updated", "W1", 'attributes={"黑名单":true}', "--wait")
    for ref in ("W1", "W2"):
        sop.ok("event", "tag.added", ref, "tag=装修意向", "--wait")
    told = sop.ok("why", "renovation-lead", "--lang", "zh", "--reason", "condition")
    assert "黑名单 要求不是 是（when/0/not/attr/黑名单）" in told
    assert "如 W1（是）" in told
    assert json.loads(sop.ok("why", "renovation-lead", "--json"))["started"] >= 1
    shown = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(sop, "why", "renovation-lead", COLUMNS="100"))
    assert max(map(cell_len, shown.splitlines())) <= 100
    assert "Did you mean `renovation-lead`" in sop("why", "renovation").stderr


def test_why_not_tells_what_came_closest(sop: CommandLine) -> None:
    sop.ok("event", "tag.added", "W3", "tag=装修意象", "--wait")
    told = sop.ok("explain", "W3", "--why-not", "renovation-lead", "--lang", "en")
    assert "tag.added 装修意象: not 装修意向 or 楼盘A, which it waits for" in told
    assert "Triggered now, it would start" in told


def test_the_inbox_is_plain_lines_in_a_pipe_and_a_table_on_a_terminal(sop: CommandLine) -> None:
    sop.ok("event", "visit", "I1", "--wait")
    (line,) = sop.lines("events", "--customer", "I1")
    assert (line[1:3], len(line)) == (["I1", "visit"], 4)
    assert datetime.fromisoformat(line[0]).utcoffset() is not None
    shown = on_terminal(sop, "events", "--customer", "I1")
    assert "\x1b[" in shown
    assert "customer" in shown
    assert json.loads(sop.ok("events", "--customer", "I1", "--json"))["type"] == "visit"


def test_what_a_customer_wrote_cannot_steer_the_terminal(sop: CommandLine) -> None:
    sop.ok("event", "message.received", "X1", "text=\x1b]0;owned\x07\x1b[31mred\u202e", "--wait")
    for shown in (
        on_terminal(sop, "events", "--customer", "X1"),
        on_terminal(sop, "explain", "X1"),
        sop.ok("explain", "X1"),
    ):
        assert "\x1b]0;" not in shown
        assert "\x1b[31mred" not in shown
        assert "\u202e" not in shown


def test_rejected_events_are_listed_with_why(sop: CommandLine) -> None:
    refused = sop("event", "tag.added", "R1")
    assert refused.returncode == 1
    (line,) = sop.lines("events", "--rejected", "--customer", "R1")
    assert "data.tag is missing" in line[3]


def test_following_the_inbox_shows_what_comes_in_and_ends_quietly(sop: CommandLine, tmp_path: Path) -> None:
    shown, errors = tmp_path / "shown", tmp_path / "errors"

    def another_is_shown() -> bool:
        sop.ok("event", "visit", "F1")
        return "F1\tvisit" in shown.read_text(encoding="utf-8")

    with shown.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            [str(SOP), "events", "--follow", "-n", "0"], env=sop.env, cwd=sop.cwd, stdout=out, stderr=err
        )
        until(another_is_shown)
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 130
    assert errors.read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("command", ["events", "log"])
def test_following_ends_at_sigint_where_a_shell_in_the_background_has_it_ignored(
    sop: CommandLine, command: str
) -> None:
    ignoring = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", str(SOP), command, "--follow", "-n", "0"]
    process = subprocess.Popen(ignoring, env=sop.env, cwd=sop.cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        until(lambda: sop.sessions() > 0)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=90) == (None, b"")
        assert process.returncode == 130
    finally:
        process.kill()
        process.communicate()


def test_an_empty_log_prints_nothing_and_wrong_filters_are_named(sop: CommandLine) -> None:
    assert sop.ok("log", "--customer", "nobody") == ""
    wrong = sop("log", "--since", "yesterday")
    assert (wrong.returncode, "7d" in wrong.stderr) == (1, True)
    assert sop("log", "--status", "gone").returncode == 2


def test_a_reader_that_goes_away_is_no_error(sop: CommandLine) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{SOP} schema | head -1"], env=sop.env, cwd=sop.cwd, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


# ── definitions ──────────────────────────────────────────────────────────────────────────────────────────────


def test_init_makes_a_folder_that_validates_and_refuses_one_with_something_in_it(
    sop: CommandLine, tmp_path: Path
) -> None:
    made = sop.ok("init", str(tmp_path / "new")).splitlines()
    assert str(tmp_path / "new" / "engine.yaml") in made
    assert (tmp_path / "new" / "sop.schema.json").is_file()
    assert sop("validate", str(tmp_path / "new")).returncode == 0
    for file in made:  # editors find each file's schema by themselves
        first = Path(file).read_text(encoding="utf-8").split("\n", 1)[0]
        assert (Path(file).parent / first.removeprefix("# yaml-language-server: $schema=")).is_file(), file
    refused = sop("init", str(tmp_path / "new"))
    assert (refused.returncode, "not empty" in refused.stderr) == (1, True)


def test_what_is_wrong_is_said_with_its_place_and_nothing_is_applied(sop: CommandLine, tmp_path: Path) -> None:
    sop.ok("init", str(tmp_path / "bad"))
    file = tmp_path / "bad" / "sops" / "booking.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("title:", "titel:", 1), encoding="utf-8")
    checked = sop("validate", str(tmp_path / "bad"))
    assert checked.returncode == 1
    assert re.search(r"^sops/booking\.yaml:\d+:\d+: error: .*titel", checked.stdout, re.MULTILINE)
    problems = json.loads(sop("validate", str(tmp_path / "bad"), "--json").stdout)
    assert {"file", "line", "column", "level", "message"} <= set(problems[0])
    refused = sop("apply", str(tmp_path / "bad"), "--json")
    assert (refused.returncode, json.loads(refused.stdout)["applied"]) == (1, False)
    assert json.loads(sop.ok("apply", "mine", "--json"))["changed"] is False


def test_apply_says_what_changed(sop: CommandLine, tmp_path: Path) -> None:
    sop.ok("init", str(tmp_path / "more"))
    file = tmp_path / "more" / "sops" / "no-deal.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "\n# a remark\n", encoding="utf-8")
    applied = sop.really("apply", str(tmp_path / "more"))
    assert (applied.returncode, applied.stdout) == (0, "no-deal\tv2\tchanged\n")
    assert "nothing changed" in sop.ok("apply", str(tmp_path / "more"))
    file.write_text(file.read_text(encoding="utf-8") + "\n# another\n", encoding="utf-8")
    assert sop.really("apply", str(tmp_path / "more"), "--lang", "zh").stdout == "no-deal\tv3\t修改\n"


def test_a_folder_that_is_not_there_is_named(sop: CommandLine) -> None:
    for command in ("validate", "apply"):
        done = sop(command, "nowhere")
        assert (done.returncode, "no folder `nowhere`" in done.stderr) == (1, True)


@pytest.mark.parametrize("options", [(), ("--engine",)])
def test_the_schema_is_json(sop: CommandLine, options: tuple[str, ...]) -> None:
    assert json.loads(sop.ok("schema", *options))["$schema"].startswith("https://json-schema.org/")


# ── the installation ─────────────────────────────────────────────────────────────────────────────────────────


def test_upgrading_what_is_up_to_date_does_nothing(sop: CommandLine) -> None:
    assert "nothing to do" in sop.really("db", "upgrade").stdout


def test_health_is_that_of_one_process(sop: CommandLine) -> None:
    until(lambda: sop("health", "matcher").returncode == 0)
    assert "alive" in sop.ok("health", "api")
    silent = sop("health", "beat")
    assert (silent.returncode, silent.stderr) == (1, "sop: beat has never shown itself\n")
    assert sop("health", "cook").returncode == 2


def test_the_doctor_fails_while_something_is_wrong_and_says_the_remedy(sop: CommandLine) -> None:
    done = sop.really("doctor")
    found = {line.split("\t")[1]: line.split("\t") for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert (found["PostgreSQL"][0], found["Redis"][0], found["schema"][0]) == ("ok", "ok", "ok")
    assert found["beat"][0] == "error"
    assert "sop beat" in found["beat"][3]
    assert {"level", "about", "text", "remedy"} == set(json.loads(sop("doctor", "--json").stdout)[0])


def test_without_servers_each_command_says_so_in_one_line(sop: CommandLine, tmp_path: Path) -> None:
    env = {"SOP_DATABASE_URL": "postgresql://sop:geheim@127.0.0.1:1/x", "SOP_STATE_DIR": str(tmp_path)}
    for command in (
        ("log",),
        ("explain", "C1"),
        ("db", "upgrade"),
        ("health", "beat"),
        ("key", "create", "x", "--scope", "read"),
    ):
        done = sop(*command, **env)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("sop: ")
        assert "geheim" not in done.stderr
        assert "Traceback" not in done.stderr
    assert "Traceback" in sop.really("--debug", "log", **env).stderr


def test_without_an_api_or_a_key_posting_says_what_to_do(sop: CommandLine, tmp_path: Path) -> None:
    away = sop("event", "visit", "C1", SOP_API_URL="http://127.0.0.1:1")
    assert (away.returncode, "sop up" in away.stderr) == (1, True)
    keyless = sop("event", "visit", "C1", SOP_STATE_DIR=str(tmp_path))
    assert (keyless.returncode, "sop key create" in keyless.stderr) == (1, True)
    wrong = sop("event", "visit", "C1", SOP_API_KEY="sop_000000000000_wrongwrongwrongwrong")
    assert (wrong.returncode, "unknown or revoked" in wrong.stderr) == (1, True)


def test_a_key_is_printed_once_and_a_wrong_scope_is_named(sop: CommandLine) -> None:
    key = sop.ok("key", "create", "crm", "--scope", "events:write").strip()
    assert re.fullmatch(r"sop_[0-9a-f]{12}_[\w-]+", key)
    assert "accepted" in sop.ok("event", "visit", "K1", SOP_API_KEY=key)
    wrong = sop("key", "create", "crm", "--scope", "event:write")
    assert (wrong.returncode, "events:write" in wrong.stderr) == (1, True)


def test_wrong_settings_are_named_by_their_variable(sop: CommandLine) -> None:
    done = sop("log", SOP_API_PORT="eighty")
    assert (done.returncode, "SOP_API_PORT" in done.stderr) == (1, True)


def test_usage_errors_exit_2_and_the_version_is_told(sop: CommandLine) -> None:
    assert sop("explain").returncode == 2
    assert sop("explian", "C1").returncode == 2
    assert sop.really("--version").stdout.startswith("sop-engine ")
