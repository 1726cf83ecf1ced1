"""A file of events: the forms and checks of POST /v1/events, with the place of every mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.core.simulation.event_file import EventFile, read_feed
from tests.support.builders import a_sop, at, definitions
from tests.support.said import untranslated

NOW = at("2026-03-01 08:00")


def line(number: int = 1, **fields: Any) -> str:
    plain = {
        "source": "crm", "id": str(number), "type": "tag.added", "subject": "C1", "time": "2026-03-05T10:00:00+08:00",
        "data": {"tag": "装修意向"},
    }  # fmt: skip
    return json.dumps(plain | fields, ensure_ascii=False)


def read(text: str | bytes) -> EventFile:
    return read_feed(text if isinstance(text, bytes) else text.encode(), "e.ndjson", definitions(a_sop()), NOW)


class TestForms:
    @pytest.mark.parametrize(
        "text",
        [
            f"{line(1)}\n\n{line(2)}\n",
            f"[{line(1)},\n {line(2)}]",
            b"\xef\xbb\xbf" + f"{line(1)}\r\n{line(2)}".encode(),
        ],
        ids=["lines", "list", "byte order mark and CRLF"],
    )
    def test_lines_or_a_list(self, text: str | bytes) -> None:
        found = read(text)
        assert ([each.id for each in found.events], found.problems) == (["1", "2"], [])

    def test_one_event_over_several_lines(self) -> None:
        assert len(read(json.dumps(json.loads(line()), indent=2)).events) == 1

    def test_each_is_received_when_it_happened_however_far_ahead(self) -> None:
        (event,) = read(line(time="2031-01-01T00:00:00Z")).events
        assert event.received_at == event.time

    def test_one_without_a_time_happens_now(self) -> None:
        (event,) = read(line(time=None)).events
        assert (event.time, event.received_at) == (NOW, NOW)

    def test_the_same_again_is_a_duplicate(self) -> None:
        found = read(f"{line()}\n{line()}")
        assert (len(found.events), found.duplicates, found.problems) == (1, 1, [])


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                f"{line()}\n{line(2, time='2026-03-05T10:00:00')}",
                "e.ndjson:2: time '2026-03-05T10:00:00' has no offset",
            ),
            (f"{line()}\nnonsense", "e.ndjson:2: not JSON: Expecting value at column 1"),
            (
                f"{line()}\n{line(data={'tag': 'x'})}",
                "e.ndjson:2: An event with this source and id was accepted before with another body",
            ),
            (f"{line()}\n7", "e.ndjson:2: an event is a JSON object"),
            (f"[{line()}, {line(2, type='Tag')}]", "e.ndjson: event 2 of the list: type 'Tag' is not a type"),
            (
                f"{line()}\n{line(2, data={'tag': 'x', 'note': 'y' * 70_000})}",
                "e.ndjson:2: the event is over 65,536 bytes",
            ),
            ("\n \n", "e.ndjson:1: there is no event in this file"),
        ],
    )
    def test_are_named_with_their_line(self, text: str, said: str) -> None:
        found = read(text).problems
        assert said in "\n".join(found)
        assert [untranslated(each) for each in found] == [[]] * len(found)

    def test_what_would_be_dropped_is_warned_of(self) -> None:
        found = read(line(type="stage.changed", data={"value": "意向"}))
        assert "e.ndjson:1: `意向` is not a value of `stage`" in found.warnings[0]
        assert untranslated(found.warnings[0]) == []
