"""`sop results` as a command: words, JSON, and what it says against what it does not know."""

from __future__ import annotations

import json

from tests.integration.cli.conftest import CommandLine


def test_results_as_words_and_as_json(sop: CommandLine) -> None:
    sop.ok("event", "tag.added", "C1", "tag=装修意向", "--wait")
    told = json.loads(sop.ok("results", "new-friend", "--json", "--since", "90d"))
    assert (told["sop"], told["confidence"], [each["arm"] for each in told["arms"]]) == (
        "new-friend",
        0.95,
        ["treated", "holdout"],
    )
    zh = sop.ok("results", "new-friend", "--since", "90d", "--until", "1d", "--lang", "zh")
    en = sop.ok("results", "new-friend", "--since", "90d", "--until", "1d", "--lang", "en")
    assert "这段时间没有时间线开始" in zh
    assert "no timeline started in this time" in en


def test_an_unknown_sop_is_named_with_the_nearest(sop: CommandLine) -> None:
    done = sop("results", "new-frend")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no SOP `new-frend` was ever applied. Did you mean `new-friend`?" in done.stderr


def test_a_time_that_is_none_is_refused(sop: CommandLine) -> None:
    done = sop("results", "new-friend", "--since", "1d", "--until", "2d")
    assert done.returncode == 1
    assert "let `until` lie after `since`" in done.stderr
