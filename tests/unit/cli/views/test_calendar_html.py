"""The page of a simulation: self-contained, escaped, drawn."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from engine.cli.views import calendar_html, calendar_table
from engine.core.simulation.simulate import Report, Span, Wanted, simulate
from tests.support.builders import a_sop, an_engine, an_event, at, definitions

EVIL = '</title><script>alert("x")</script>'
VOID = ("meta", "link", "br")


class Page(HTMLParser):
    """Reads a page: every element closed, what each refers to, what is drawn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} {name}"
            assert name not in ("src", "srcset", "xlink:href", "action"), f"{tag} {name}"
            if name == "id":
                self.ids.add(value or "")
            if name == "href":
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def report() -> Report:
    sop = a_sop(
        title=EVIL,
        steps=[
            {"id": "d1", "day": 1, "message": {"text": "{{ customer.name }}"}},
            {"id": "call", "day": 2, "task": {"to": "owner", "title": "{{ customer.name }}"}},
            {"id": "no", "day": 3, "when": [{"tag": "vip"}], "message": {"text": "三"}},
            {"id": "done", "day": 4, "do": [{"add_tag": EVIL}]},
            {"id": "late", "after": "5d", "message": {"text": "夜里"}},
        ],
    )
    events = [
        an_event("customer.updated", {"attributes": {"name": EVIL}}, time=at("2026-03-01 20:00")),
        an_event("tag.added", {"tag": "装修意向"}, time=at("2026-03-01 22:30")),
    ]
    engine = an_engine(quiet_hours=["21:00", "09:00"])
    return simulate(
        events, definitions(sop, engine=engine), Span(at("2026-03-01 00:00"), at("2026-03-12 00:00")), Wanted()
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_is_whole_and_refers_to_nothing_but_itself(report: Report, language: str) -> None:
    page = Page(calendar_html.page(report, language))
    assert page.open == []
    assert "script" not in page.tags
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert "url(" not in calendar_html.page(report, language)


def test_what_customers_are_called_stays_text(report: Report) -> None:
    page = Page(calendar_html.page(report, "en"))
    assert page.text.count('<script>alert("x")</script>') >= 3


def test_draws_touches_skips_and_deferrals(report: Report) -> None:
    text = calendar_html.page(report, "en")
    drawn = [part.partition('"')[0] for part in text.split('class="mark ')[1:]]
    assert sorted(drawn) == ["done", "end", "held", "sent", "sent", "sent", "skipped"]
    assert text.count('class="bar completed"') == 1


def test_a_customer_and_the_totals_count_the_same_touches_and_no_action(report: Report) -> None:
    text = Page(calendar_html.page(report, "en")).text
    assert report.totals.sent == 3
    assert "· touches 3" in text


def test_a_deferral_is_drawn_from_when_it_was_due_to_when_it_may_go(report: Report) -> None:
    text = calendar_html.page(report, "en")
    _, _, drawn = text.partition('<line class="mark held" x1="')
    left, right = float(drawn.partition('"')[0]), float(drawn.split('x2="')[1].partition('"')[0])
    day = 34.0
    assert (left, right) == (round((5 + 22.5 / 24) * day, 1), round((6 + 9 / 24) * day, 1))


def test_is_in_the_readers_language(report: Report) -> None:
    assert '<html lang="zh-CN">' in calendar_html.page(report, "zh")
    assert "模拟：没有发送任何东西" in calendar_html.page(report, "zh")
    assert "A simulation: nothing was sent" in calendar_html.page(report, "en")


def test_a_terminal_is_not_steered(report: Report) -> None:
    calendar = report.calendars[0]
    steered = type(calendar)(calendar.customer, "\x1b[31m王\u202e", calendar.timezone, calendar.lines, calendar.runs)
    other = type(report)(**{name: getattr(report, name) for name in report.__slots__} | {"calendars": [steered]})
    text = calendar_table.text(other, "zh")
    assert "\x1b" not in text
    assert "\u202e" not in text
