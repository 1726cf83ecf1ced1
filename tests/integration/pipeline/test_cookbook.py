"""The cookbook through the real pipeline: what its pages promise is what customers get."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from engine.demo.feed import Post
from tests.support import scenarios, stepping
from tests.support.pipeline import Pipeline
from tests.unit.docs.test_cookbook import PAGES, blocks


def story(page: str, zone_free: dict[str, str]) -> tuple[list[Post], datetime]:
    """Return what a page's scenario posts, and until when it is told."""
    (text,) = [text for language, text in blocks(page) if language == "scenario"]
    scenario = scenarios.read(text, [scenarios.defined(zone_free, 1)])
    assert scenario.last is not None
    return [
        Post(each.received_at, raw(each)) for each in sorted(scenario.events, key=lambda each: each.time)
    ], scenario.last


def raw(event: Any) -> dict[str, Any]:
    return {
        "source": event.source, "id": event.id, "type": event.type, "subject": event.subject, "time": event.time.isoformat(),
        "data": event.data,
    }  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_what_customers_get(pipeline: Pipeline, page: str) -> None:
    (folder,) = scenarios.folders(blocks(page))
    posts, end = story(page, folder)
    begin = posts[0].at.replace(hour=0, minute=0)
    pipeline.clock.at = begin
    definitions = stepping.installed(pipeline, folder)
    stepping.really(pipeline, posts, end)
    would = stepping.simulated(posts, definitions, begin, end)
    did = stepping.touches_of(pipeline)
    assert stepping.differences(did, stepping.touches_in(would)) == []
    assert stepping.differences(stepping.timelines_of(pipeline), stepping.timelines_in(would)) == []
    assert sum(each["status"] == "sent" for each in did.values()) >= 2
