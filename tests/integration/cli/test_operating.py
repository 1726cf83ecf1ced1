"""Operating on the command line: what it says in both languages, its JSON, its exit codes, and the audit it leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.cli.conftest import CommandLine


@pytest.fixture(autouse=True)
def _no_logs() -> Iterator[None]:
    """Keep logs from standard output, as the command itself does in a process of its own."""
    with capture_logs():
        yield


def told(sop: CommandLine, *arguments: str) -> Any:
    """Run a command that must succeed and return its JSON."""
    return json.loads(sop.ok(*arguments, "--json"))


def known(sop: CommandLine, customer: str) -> str:
    """Have the engine know a customer."""
    sop.ok("event", "customer.updated", customer, "attributes.name=王女士", "--wait")
    return customer


def test_a_pause_says_what_it_holds_in_both_languages_and_again_that_nothing_changed(sop: CommandLine) -> None:
    assert sop.ok("pause", "wake-up", "--reason", "价格写错了") == (
        "paused: SOP wake-up\n  held: 0 active timelines, 0 touches waiting to be sent\n"
    )
    again = sop.ok("pause", "wake-up", "--lang", "zh").splitlines()[0]
    assert again.startswith("SOP wake-up 已处于暂停状态，自 ")
    assert again.endswith("；没有改变")
    assert sop.ok("pauses").endswith(": 价格写错了\n")
    assert sop.ok("pauses", "--lang", "zh").endswith("：价格写错了\n")
    assert [(each["name"], each["reason"]) for each in told(sop, "pauses")] == [("wake-up", "价格写错了")]
    assert sop.ok("resume", "wake-up", "--lang", "zh").startswith("已恢复：SOP wake-up（")
    assert sop.ok("resume", "wake-up") == "SOP wake-up was not paused; nothing changed\n"
    assert sop("pauses", "--lang", "zh").stderr == "没有暂停任何内容\n"


@pytest.mark.parametrize("arguments", [[], ["wake-up", "--all"], ["--all", "--channel", "crm"]])
def test_a_pause_is_of_one_thing(sop: CommandLine, arguments: list[str]) -> None:
    refused = sop("pause", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "name one: an SOP, --channel NAME, or --all" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pause", "wakeup"], "no SOP `wakeup` is in force. Did you mean `wake-up`?"),
        (["pause", "--channel", "cmr"], "no channel `cmr` is defined. Did you mean `crm`?"),
        (["recall", "renovation-lead", "--step", "d33"], "has no step `d33`. Did you mean `d3`?"),
        (["start", "new-frend", "K1"], "no SOP `new-frend` is in force. Did you mean `new-friend`?"),
        (["start", "new-friend", "nobody-at-all"], "no event ever named the customer `nobody-at-all`."),
        (["opt-out", "nobody-at-all"], "no event ever named the customer `nobody-at-all`."),
        (["cancel", "999999"], "no timeline has the id 999999"),
        (["cancel", "x"], "`x` is no timeline's id"),
        (["dead-letters", "replay", "999999"], "no dead letter has the id 999999"),
        (["test-send", "renovation-lead", "d1", "--to", "nobody-at-all"], "no event ever named the customer"),
    ],
)
def test_a_name_that_leads_nowhere_ends_with_one_line(sop: CommandLine, arguments: list[str], said: str) -> None:
    refused = sop(*arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("sop: ")
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_start_says_that_it_started_and_a_refused_one_why(sop: CommandLine) -> None:
    customer = known(sop, "P1")
    assert sop.ok("start", "new-friend", customer) == "  started new-friend v1 (by_hand)\n"
    refused = sop("start", "new-friend", customer, "--lang", "zh")
    assert refused.returncode == 1
    assert "未启动 new-friend：该客户走过此 SOP，不再进入" in refused.stdout
    assert "(by hand: cli:" in sop.ok("explain", customer)


def test_a_start_under_a_key_is_made_once_and_takes_data(sop: CommandLine) -> None:
    customer = known(sop, "P2")
    first = told(sop, "start", "renovation-lead", customer, "order=A1", "--key", "k1", "--at", "1d")
    again = told(sop, "start", "renovation-lead", customer, "order=A1", "--key", "k1")
    assert (first["changed"], again["changed"], first["event"]) == (True, False, again["event"])
    assert first["outcome"]["started"][0]["sop"] == "renovation-lead"


def test_a_timeline_is_cancelled_by_its_id_and_a_customer_named_instead_shows_theirs(sop: CommandLine) -> None:
    customer = known(sop, "P3")
    sop.ok("start", "new-friend", customer)
    listed = sop("cancel", customer).stderr
    assert "`P3` is a customer, not a timeline; this customer's active timelines: " in listed
    timeline = listed.rsplit(": ", 1)[1].split(" ")[0]
    assert sop.ok("cancel", timeline, "--reason", "电话里约好了").startswith(
        f"cancelled timeline {timeline}: P3, new-friend;"
    )
    assert "已经结束：cancelled；没有改变" in sop.ok("cancel", timeline, "--lang", "zh")
    assert "ended by an operator (电话里约好了)" in sop.ok("explain", customer)


def test_a_test_send_shows_the_text_and_leaves_standard_output_to_what_it_says(sop: CommandLine) -> None:
    customer = known(sop, "P4")
    done = sop("test-send", "renovation-lead", "d1", "--to", customer)
    assert done.returncode == 0
    assert done.stdout.startswith("test-send of d1 of renovation-lead to P4 over crm: sent")
    assert "  │ 王女士，我是" in done.stdout
    assert '"event":"touch.out"' in done.stderr
    assert told(sop, "test-send", "renovation-lead", "d1", "--to", customer)["key"].startswith("test-")


def test_a_customer_is_opted_out_and_in_again(sop: CommandLine) -> None:
    customer = known(sop, "P5")
    assert sop.ok("opt-out", customer, "--channel", "crm", "--lang", "zh") == "P5 已退订：渠道 crm\n"
    assert sop.ok("opt-out", customer, "--channel", "crm").startswith("it is so already for P5")
    refused = sop("test-send", "renovation-lead", "d1", "--to", customer)
    assert (refused.returncode, refused.stderr.strip()[:41]) == (1, "sop: customer `P5` has opted out of crm; ")
    assert told(sop, "opt-in", customer)["changed"] is True


def test_nothing_to_recall_retry_or_replay_is_said(sop: CommandLine) -> None:
    assert (
        sop.ok("recall", "renovation-lead", "--step", "d8")
        == "d8 of renovation-lead has no touch that could be recalled\n"
    )
    refused = sop("retry", "999998", "999999", "--lang", "zh")
    assert (refused.returncode, refused.stdout.splitlines()[0]) == (
        1,
        "999998：没有这个编号的触达；sop log --json 显示编号",
    )
    assert sop("dead-letters").stderr == "there are no dead letters\n"
    assert told(sop, "dead-letters", "list") == []


def test_the_audit_says_who_did_what_newest_last(sop: CommandLine) -> None:
    sop.ok("pause", "--all")
    sop.ok("resume", "--all", "--skip-missed")
    last = [(each[1].split(":")[0], each[2]) for each in sop.lines("audit", "-n", "3")]
    assert last == [("cli", "pause"), ("cli", "resume.skip_missed"), ("cli", "resume")]
    newest = json.loads(sop.ok("audit", "-n", "1", "--action", "pause", "--json"))
    assert (newest["action"], newest["detail"]["kind"]) == ("pause", "all")
