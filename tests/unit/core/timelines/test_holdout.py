"""Who is held out: a pure function of customer and SOP, with the share that the definition asks for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from scipy.stats import binomtest

from engine.core.timelines.holdout import held_out
from tests.support.builders import a_sop
from tests.support.places import ROOT

REFS = [f"customer-{number}" for number in range(20_000)]


def held(share: str, **fields: object) -> set[str]:
    sop = a_sop(holdout=share, **fields)
    return {ref for ref in REFS if held_out(sop, ref)}


@pytest.mark.parametrize(
    ("share", "expected"), [("1%", 0.01), ("2.5%", 0.025), ("10%", 0.1), ("50%", 0.5), ("90%", 0.9)]
)
@pytest.mark.parametrize("sop", ["lead", "renovation-lead", "a"])
def test_so_many_are_held_out_as_asked(share: str, expected: float, sop: str) -> None:
    """Within what chance allows of a fair draw at one in ten thousand."""
    assert binomtest(len(held(share, sop=sop)), len(REFS), expected).pvalue > 1e-4


def test_none_and_all() -> None:
    assert held("0%") == set()
    assert held("100%") == set(REFS)


def test_a_larger_share_keeps_those_held_out_before() -> None:
    assert held("5%") < held("10%") < held("30%")


def test_being_held_out_of_one_sop_says_nothing_about_another() -> None:
    both = held("50%", sop="lead") & held("50%", sop="other")
    assert binomtest(len(both), len(REFS), 0.25).pvalue > 1e-4


def test_it_is_told_by_customer_and_sop_alone() -> None:
    changed = [{"id": "other", "day": 9, "message": {"text": "不同的字"}}]
    assert held("10%") == held("10%", title="改名", priority=7, steps=changed)


def test_every_process_and_every_version_of_the_engine_draws_the_same() -> None:
    """These refs are written down: were the draw changed, customers in flight would change their arm."""
    program = """
from engine.core.timelines.holdout import held_out
from tests.support.builders import a_sop
print(*[number for number in range(60) if held_out(a_sop(holdout="10%"), f"customer-{number}")])
"""
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert answers == {"2 13 19 32 44 55\n"}
