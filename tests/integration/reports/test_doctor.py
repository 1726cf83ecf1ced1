"""The doctor's findings: each trouble is found, told with its remedy, and gone when it is mended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine

from engine.channels import registry
from engine.clocks import wall_now
from engine.core.sentence import Sentence
from engine.messages.findings import Finding
from engine.ports import Receipt
from engine.services.reports.doctor import PROCESSES, Doctor
from engine.store import installation
from engine.store.database import connect, transaction
from tests.support.pipeline import ENGINE, LEAD, Pipeline
from tests.support.said import untranslated

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examine(pipeline: Pipeline) -> Examine:
    """Returns the findings by what they are about."""

    def run(
        info: Mapping[str, Any] | Exception | None = None, env: Mapping[str, str] | None = None
    ) -> dict[str, Finding]:
        def redis_info() -> Mapping[str, Any]:
            if isinstance(info, Exception):
                raise info
            return info or {"redis_version": "7.2.4"}

        doctor = Doctor(
            pipeline.engine, redis_info, pipeline.definitions,
            lambda name, config: registry.build(name, config, env or {}, wall=wall_now), pipeline.clock,
        )  # fmt: skip
        found = {each.about: each for each in doctor.examine()}
        assert {each: words for each in found.values() if (words := english_of(each))} == {}
        return found

    return run


_FOREIGN = {"detail": "", "error": "", "reason": "", "version": ""}
"""Words that are not the doctor's: of servers, channels, and stored ones."""


def english_of(finding: Finding) -> list[str]:
    """Return the English words of a finding in Chinese, about PostgreSQL's own version apart."""
    if not isinstance(finding.text, Sentence):  # what a channel says
        return []
    values = {name: each for name, each in _FOREIGN.items() if name in finding.text.values}
    text = finding.text.with_values(**values) if finding.level != "ok" else Sentence("")
    return [word for part in (finding.about, text, finding.remedy or Sentence("")) for word in untranslated(part)]


def alive(pipeline: Pipeline) -> None:
    with transaction(pipeline.engine) as connection:
        for name in PROCESSES:
            installation.beat(connection, name, wall_now())


def test_a_sound_installation_has_nothing_wrong(pipeline: Pipeline, examine: Examine) -> None:
    pipeline.apply(LEAD)
    alive(pipeline)
    pipeline.tag("c1")
    pipeline.post("c1", "message.received", text="hi")
    pipeline.work()
    assert [each for each in examine().values() if each.level != "ok"] == []


def test_everything_found_wrong_has_a_remedy(pipeline: Pipeline, examine: Examine) -> None:
    pipeline.run("insert into pauses (kind, name, since) values ('all', '', now())")
    found = [each for each in examine(ConnectionError()).values() if each.level != "ok"]
    assert {"Redis", "definitions", "matcher", "paused"} <= {each.about for each in found}
    assert [each for each in found if not each.remedy] == []


def test_a_database_that_does_not_answer_is_the_only_thing_said_beside_redis(pipeline: Pipeline) -> None:
    away = connect("postgresql://nobody@127.0.0.1:1/x")
    doctor = Doctor(away, lambda: {"valkey_version": "9.1"}, pipeline.definitions, lambda *_: None, pipeline.clock)  # type: ignore[arg-type, return-value]  # never built
    assert [(each.about, each.level) for each in doctor.examine()] == [("PostgreSQL", "error"), ("Redis", "ok")]


def test_an_old_redis_is_named_and_an_empty_schema_has_its_command(
    pipeline: Pipeline, examine: Examine, database_url: str
) -> None:
    old = examine({"redis_version": "6.0.16"})["Redis"]
    assert (old.level, "6.0.16" in old.text) == ("error", True)
    pipeline.run("update alembic_version set version_num = '0000'")
    schema = examine()["schema"]
    assert (schema.level, schema.remedy) == ("error", "run `sop db upgrade`")


def test_a_process_that_went_silent_is_named_with_the_command_that_starts_it(
    pipeline: Pipeline, examine: Examine
) -> None:
    alive(pipeline)
    pipeline.run("update heartbeats set at = at - interval '5 minutes' where name = 'send'")
    found = examine()
    assert (found["send"].level, found["matcher"].level) == ("error", "ok")
    assert found["send"].text == "has not shown itself for 5 min"
    assert "sop worker send" in (found["send"].remedy or "")


def test_a_channel_whose_secret_is_missing_is_an_error(pipeline: Pipeline, examine: Examine) -> None:
    engine = ENGINE.replace(
        "second: {type: log}", 'second: {type: webhook, url: "https://crm.example/x", secret: "${CRM_SECRET}"}'
    )
    pipeline.apply(LEAD, engine=engine)
    found = examine()["channel second"]
    assert (found.level, "CRM_SECRET" in found.text) == ("error", True)


def test_a_year_whose_days_off_are_not_known_is_told_when_it_is_near(pipeline: Pipeline, examine: Examine) -> None:
    pipeline.apply(LEAD, engine=ENGINE + "\ncalendar: {country: CN, skip: [public_holiday]}\n")
    pipeline.clock.at = datetime(2026, 10, 1, tzinfo=UTC)
    assert "calendar" not in examine()
    pipeline.clock.at = datetime(2026, 11, 21, tzinfo=UTC)
    found = examine()["calendar"]
    assert (found.level, "2027" in found.text) == ("warning", True)
    assert "`also` and `except`" in str(found.remedy)


def test_events_that_wait_long_point_at_the_matcher(pipeline: Pipeline, examine: Examine) -> None:
    pipeline.post("c1", "visit")
    assert examine()["inbox"].level == "ok"
    pipeline.wait(hours=2)
    found = examine()["inbox"]
    assert (found.level, found.text) == ("warning", "1 event waiting to be matched, the oldest for 2 h (customer c1)")


def test_a_message_that_lacks_a_value_is_told_with_a_customer_to_look_at(pipeline: Pipeline, examine: Examine) -> None:
    pipeline.apply(LEAD.replace("第一天", '"{{ customer.name }}"'))
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.work()
    found = examine()["SOP lead"]
    assert (found.level, found.remedy) == ("warning", "`sop explain c1` shows the step and the value")
    assert "customer.name" in found.text


def test_failed_touches_and_rejected_events_are_counted(pipeline: Pipeline, examine: Examine) -> None:
    pipeline.apply(LEAD)
    pipeline.tag("c1")
    pipeline.wait_until(1)
    pipeline.log.answers = [Receipt("failed", "status 404")]
    pipeline.work()
    pipeline.run(
        "insert into rejected_events (received_at, error, body) values (:now, 'no id', '')", now=pipeline.clock.at
    )
    found = examine()
    (failed,) = [each for about, each in found.items() if "failed" in each.text]
    assert failed.text == "1 touch failed: refused by the provider; e.g. customer c1: status 404"
    assert found["rejected"].text == "1 event in the last 24 hours; the newest: no id"


def test_names_nobody_ever_posted_are_told_with_the_nearest_one(pipeline: Pipeline, examine: Examine) -> None:
    pipeline.apply(LEAD.replace("vip", "装修意象"))
    pipeline.tag("c1", tag="装修意向")
    found = examine()
    assert found["tag 装修意象"].text == "never seen, 1 SOP starts on it (lead); nearest seen: `装修意向`"
    assert found["event type message.received"].text == "never seen, 1 SOP exits on it (lead)"


def test_what_takes_too_long_is_itself_a_finding(
    pipeline: Pipeline, examine: Examine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.services.reports.doctor._PATIENCE", 1)
    pipeline.apply(LEAD)
    holder = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with holder.begin() as connection:
        connection.exec_driver_sql("lock table dead_letters in access exclusive mode")
        found = examine()
    holder.dispose()
    assert found["stuck"].level == "error"
    assert "definitions" in found


def test_a_pause_that_stands_is_told_with_who_and_how_to_end_it(pipeline: Pipeline, examine: Examine) -> None:
    pipeline.apply(LEAD)
    pipeline.run(
        "insert into pauses (kind, name, since, who, reason) values ('sop', 'lead', :at, 'cli:ann', '改文案')",
        at=pipeline.clock.at,
    )
    pipeline.wait(hours=3)
    found = examine()["sop lead"]
    assert (found.level, found.text) == ("warning", "paused for 3 h, by cli:ann: 改文案")
    assert found.remedy == "`sop resume lead` when it may go on"
