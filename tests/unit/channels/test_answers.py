"""What an HTTP answer means for a touch."""

from __future__ import annotations

import httpx2
import pytest

from engine.channels import answers

NOON = "Sat, 21 Nov 2026 12:00:00 GMT"
TWO_MINUTES_LATER = "Sat, 21 Nov 2026 12:02:00 GMT"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "sent"),
        (202, "sent"),
        (204, "sent"),
        (299, "sent"),
        (301, "failed"),
        (307, "failed"),
        (400, "failed"),
        (401, "failed"),
        (404, "failed"),
        (408, "retry"),
        (409, "failed"),
        (410, "failed"),
        (425, "retry"),
        (429, "retry"),
        (500, "retry"),
        (503, "retry"),
        (599, "retry"),
        (600, "failed"),
    ],
)
def test_a_status_decides_the_outcome_and_stands_in_the_detail(status: int, outcome: str) -> None:
    receipt = answers.receipt(status, {})

    assert receipt.outcome == outcome
    assert str(status) in receipt.detail


def test_a_redirect_says_why_it_failed_without_quoting_where_it_leads() -> None:
    receipt = answers.receipt(302, {"location": "http://10.0.0.1/secret"})

    assert "redirects are not followed" in receipt.detail
    assert "10.0.0.1" not in receipt.detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 6000}, answers.LONGEST_WAIT),
        ({"retry-after": TWO_MINUTES_LATER, "date": NOON}, 120.0),
        ({"retry-after": NOON, "date": TWO_MINUTES_LATER}, 0.0),
        ({"retry-after": TWO_MINUTES_LATER}, None),
        ({"retry-after": TWO_MINUTES_LATER, "date": "today"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 12:02:00 -0000", "date": NOON}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": NOON}, answers.LONGEST_WAIT),
    ],
)
def test_retry_after_is_read_as_seconds_or_against_the_answers_own_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert answers.receipt(503, headers).retry_after == seconds


def test_retry_after_means_nothing_on_an_answer_that_is_final() -> None:
    assert answers.receipt(200, {"retry-after": "7"}).retry_after is None
    assert answers.receipt(404, {"retry-after": "7"}).retry_after is None


def test_no_answer_is_retried_and_names_the_cause_but_no_address() -> None:
    try:
        try:
            raise ConnectionRefusedError("https://crm.example/?token=t0p")
        except ConnectionRefusedError as refused:
            raise httpx2.ConnectError("https://crm.example/?token=t0p") from refused
    except httpx2.ConnectError as error:
        receipt = answers.no_answer(error)

    assert receipt.outcome == "retry"
    assert receipt.detail == "no answer: ConnectError (ConnectionRefusedError)"
