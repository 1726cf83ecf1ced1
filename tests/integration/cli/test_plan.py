"""`sop diff`, `plan`, `apply` as planned, `versions`: as an operator meets them."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import SOP, CommandLine


@pytest.fixture
def folder(sop: CommandLine, tmp_path: Path) -> Iterator[Path]:
    """A copy of what is in force, which is in force again afterwards."""
    shutil.copytree(sop.cwd / "mine", tmp_path / "edited")
    yield tmp_path / "edited"
    sop.ok("apply", "mine")


def edit(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / "sops" / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def answered(sop: CommandLine, answer: str, *arguments: str) -> tuple[int, str]:
    """Return the exit code and what a command shows on a terminal where a question is answered so."""
    ours, theirs = pty.openpty()
    env = sop.env | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    process = subprocess.Popen([str(SOP), *arguments], env=env, cwd=sop.cwd, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown, told = b"", False
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
        if b"[y/N]" in shown and not told:
            told = True
            os.write(ours, f"{answer}\n".encode())
    os.close(ours)
    return process.wait(90), shown.decode()


def generation(sop: CommandLine) -> int:
    return int(json.loads(sop.ok("versions", "--json"))[0]["generation"])


def test_what_differs_is_told_in_both_languages_and_as_json(sop: CommandLine, folder: Path) -> None:
    edit(folder, "renovation-lead", "day: 8", "day: 9")
    edit(folder, "booking", "title:", "# 备注\ntitle:")
    (folder / "sops" / "points-expiry.yaml").unlink()
    english = sop.ok("diff", str(folder), "--lang", "en")
    assert "~ renovation-lead 装修意向客户培育: changed\n    step d8: day 8 → 9\n" in english
    assert "· booking 预约量房与到店: text only (comments, layout); it does the same\n" in english
    assert "- points-expiry 积分到期提醒: removed\n" in english
    assert "    步骤 d8：天数 (day) 8 → 9\n" in sop.ok("diff", str(folder), "--lang", "zh")
    found = {each["name"]: each for each in json.loads(sop.ok("diff", str(folder), "--json"))}
    assert found["renovation-lead"]["changes"] == [
        {"path": "steps/d8/day", "kind": "changed", "before": 8, "after": 9, "said": "step d8: day 8 → 9"}
    ]
    assert (found["booking"]["kind"], found["points-expiry"]["kind"]) == ("text", "removed")


def test_no_difference_is_said(sop: CommandLine) -> None:
    assert sop.ok("diff", "mine") == "no difference\n"
    assert json.loads(sop.ok("diff", "mine", "--json")) == []


def test_a_folder_with_an_error_is_not_planned(sop: CommandLine, folder: Path) -> None:
    edit(folder, "booking", "title:", "titel:")
    for command in ("diff", "plan"):
        done = sop(command, str(folder))
        assert done.returncode == 1
        assert "sops/booking.yaml" in done.stdout
        assert "correct the" in done.stderr


def test_a_plan_tells_what_becomes_of_timelines_and_what_goes_out(sop: CommandLine, folder: Path) -> None:
    for number in range(3):
        sop.ok("event", "tag.added", f"PL{number}", "tag=装修意向", "--wait")
    edit(folder, "renovation-lead", "day: 8", "day: 9")
    plain = sop.ok("plan", str(folder), "--lang", "en", "--days", "12")
    flying = next(line for line in plain.splitlines() if line.startswith("renovation-lead: "))
    number = int(flying.split()[1])
    assert number >= 3
    step = next(line.split("\t") for line in plain.splitlines() if line.startswith("d8\t"))
    assert step == ["d8", "", str(number), "", str(number), "", ""]
    assert "Going out in the next 12 days" in plain
    assert "未来 12 天的触达" in sop.ok("plan", str(folder), "--lang", "zh", "--days", "12")
    found = json.loads(sop.ok("plan", str(folder), "--json", "--days", "12"))
    (lead,) = found["sops"]
    assert (lead["sop"], lead["in_flight"], lead["ends"]) == ("renovation-lead", number, {})
    assert found["basis"]["generation"] == generation(sop)
    volume = found["ahead"]["volume"]
    assert sum(each["before"] for each in volume) > 0
    assert {"day", "channel", "before", "after"} == set(volume[0])


def test_a_plan_is_applied_once_and_only_as_it_was_planned(sop: CommandLine, folder: Path, tmp_path: Path) -> None:
    edit(folder, "renovation-lead", "day: 8", "day: 10")
    file = tmp_path / "plan.json"
    sop.ok("plan", str(folder), "--days", "0", "--out", str(file))
    before = generation(sop)
    edit(folder, "renovation-lead", "day: 10", "day: 11")
    changed = sop("apply", "--plan", str(file))
    assert (changed.returncode, generation(sop)) == (1, before)
    assert "sops/renovation-lead.yaml has changed; nothing was changed" in changed.stderr
    edit(folder, "renovation-lead", "day: 11", "day: 10")
    name, _, what = sop.lines("apply", "--plan", str(file))[-1]
    assert (name, what) == ("renovation-lead", "changed")
    again = sop("apply", "--plan", str(file))
    assert again.returncode == 1
    assert f"made on generation {before}; now generation {before + 1} is in force" in again.stderr


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"format": "sop-plan/1"}', '{"format": "sop-plan/1", "folder": null, "plan": {}}']
)
def test_what_is_no_plan_is_refused(sop: CommandLine, tmp_path: Path, content: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(content, encoding="utf-8")
    done = sop("apply", "--plan", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert "sop plan --out" in done.stderr


def test_a_plan_that_is_not_there_is_named(sop: CommandLine) -> None:
    done = sop("apply", "--plan", "nowhere.json")
    assert (done.returncode, "cannot read `nowhere.json`" in done.stderr) == (1, True)


def test_an_earlier_generation_comes_back_as_a_new_one(sop: CommandLine, folder: Path) -> None:
    before = generation(sop)
    edit(folder, "renovation-lead", "day: 8", "day: 12")
    sop.ok("apply", str(folder))
    shown = sop.ok("plan", "--version", str(before), "--days", "0", "--lang", "en")
    assert f"the definitions of {before} would come back as {before + 2}" in shown
    assert "step d8: day 12 → 8" in shown
    sop.ok("apply", "--version", str(before))
    newest = json.loads(sop.ok("versions", "--json", "-n", "1"))[0]
    assert (newest["generation"], newest["same_as"]) == (before + 2, before)
    assert "the same as" in sop.lines("versions")[0][3]
    refused = sop("apply", "--version", "999")
    assert (refused.returncode, "`sop versions` lists them" in refused.stderr) == (1, True)
    assert "not both" in sop("plan", str(folder), "--version", "1").stderr


def test_on_a_terminal_it_asks_before_an_sop_ends_and_no_is_no(sop: CommandLine, folder: Path) -> None:
    (folder / "sops" / "points-expiry.yaml").unlink()
    before = generation(sop)
    code, shown = answered(sop, "n", "apply", str(folder))
    assert (code, generation(sop)) == (1, before)
    assert "points-expiry will be removed. Go on?" in shown
    assert "nothing has changed" in shown
    code, shown = answered(sop, "y", "apply", str(folder))
    assert (code, generation(sop)) == (0, before + 1)


def test_it_does_not_ask_where_nothing_ends_or_yes_is_said(sop: CommandLine, folder: Path) -> None:
    edit(folder, "renovation-lead", "day: 8", "day: 13")
    code, shown = answered(sop, "n", "apply", str(folder))
    assert (code, "Go on?" in shown, "step d8: day 8 → 13" in shown) == (0, False, True)
    (folder / "sops" / "points-expiry.yaml").unlink()
    code, shown = answered(sop, "n", "apply", str(folder), "--yes")
    assert (code, "Go on?" in shown) == (0, False)
