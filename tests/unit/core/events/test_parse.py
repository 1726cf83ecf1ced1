"""Reading one raw event: what is taken, how it is normalised, and how a refusal names the field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import EventError
from engine.core.events import parse
from tests.support.said import untranslated

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def raw(**changed: Any) -> dict[str, Any]:
    """A valid event; `changed` replaces fields, a value of `...` removes one."""
    event: dict[str, Any] = {
        "source": "crm",
        "id": "e-1",
        "type": "tag.added",
        "subject": "c-1",
        "time": "2026-03-01T09:00:00+08:00",
        "data": {"tag": "装修意向"},
    }
    return {name: value for name, value in {**event, **changed}.items() if value is not ...}


def refusal(event: Any) -> str:
    with pytest.raises(EventError) as caught:
        parse.read(event, NOW)
    assert untranslated(caught.value.message) == []
    return str(caught.value)


def test_an_event_is_read_with_its_time_in_utc() -> None:
    event = parse.read(raw(), NOW)
    assert (event.source, event.id, event.type, event.subject) == ("crm", "e-1", "tag.added", "c-1")
    assert event.time == datetime(2026, 3, 1, 1, tzinfo=UTC) and event.time.tzinfo is UTC
    assert event.data == {"tag": "装修意向"} and event.received_at == NOW and not event.backfill


def test_backfill_is_kept() -> None:
    assert parse.read(raw(), NOW, backfill=True).backfill


@pytest.mark.parametrize("field", ["source", "id", "type", "subject"])
@pytest.mark.parametrize("value", [..., None, 7, "", " ", "x" * 201, "a\x00", "a\nb", "\ud800", ["a"]])
def test_the_four_names_are_short_plain_text(field: str, value: Any) -> None:
    assert field in refusal(raw(**{field: value}))


@pytest.mark.parametrize("value", ["Tag.added", "1st", "标签", "tag added", "x" * 101, "tag.added\n"])
def test_a_type_is_a_lower_case_dotted_name(value: str) -> None:
    assert "type" in refusal(raw(type=value))


@pytest.mark.parametrize("value", ["engine", "engine/sop"])
def test_the_engines_own_source_is_reserved(value: str) -> None:
    assert "reserved" in refusal(raw(source=value))


def test_a_source_that_only_resembles_the_engines_is_taken() -> None:
    assert parse.read(raw(source="engineering"), NOW).source == "engineering"


def test_types_of_the_engine_are_reserved() -> None:
    assert "reserved" in refusal(raw(type="engine.start"))


@pytest.mark.parametrize("kind", ["customer.identified", "customer.merged", "customer.deleted", "customer.snapshot"])
def test_types_of_a_later_version_are_refused_by_name(kind: str) -> None:
    assert "not handled by this version" in refusal(raw(type=kind))


@pytest.mark.parametrize("subject", ["wecom:wm1", "phone:+8613800000000", "unionid:o1"])
def test_subjects_by_identity_are_refused_by_name(subject: str) -> None:
    assert "not handled by this version" in refusal(raw(subject=subject))


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-01T01:00:00Z", datetime(2026, 3, 1, 1, tzinfo=UTC)),
        ("2026-03-01t01:00:00.123456789z", datetime(2026, 3, 1, 1, 0, 0, 123456, tzinfo=UTC)),
        ("2026-02-28 20:00:00-05:00", datetime(2026, 3, 1, 1, tzinfo=UTC)),
        (1772326800, datetime(2026, 3, 1, 1, tzinfo=UTC)),
        (1772326800.5, datetime(2026, 3, 1, 1, 0, 0, 500000, tzinfo=UTC)),
        (1772326800000, datetime(2026, 3, 1, 1, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (None, NOW),
        (..., NOW),
    ],
)
def test_times_that_are_understood(value: Any, moment: datetime) -> None:
    assert parse.read(raw(time=value), NOW).time == moment


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("2026-03-01T09:00:00", "no offset"),
        ("2026-03-01", "RFC 3339"),
        ("yesterday", "RFC 3339"),
        ("2026-W09-1T09:00:00Z", "RFC 3339"),
        ("2026-02-30T09:00:00Z", "does not exist"),
        ("1969-12-31T23:59:59Z", "1970"),
        (-1, "1970"),
        (1e300, "no moment"),
        (10**30, "no moment"),
        (float("nan"), "no moment"),
        (True, "RFC 3339"),
        ({}, "RFC 3339"),
        ("2026-03-01T09:00:00Z", "Beijing time labelled UTC?"),
        ("2199-01-01T00:00:00Z", "ahead"),
        ("2200-01-01T00:00:00Z", "outside"),
        ("٢٠٢٦-03-01T09:00:00Z", "RFC 3339"),
    ],
)
def test_times_that_are_refused(value: Any, says: str) -> None:
    message = refusal(raw(time=value))
    assert "time" in message and says in message


def test_five_minutes_ahead_is_a_clock_and_more_is_a_mistake() -> None:
    assert parse.read(raw(time=(NOW + timedelta(minutes=5)).isoformat()), NOW)
    assert "6 min ahead" in refusal(raw(time=(NOW + timedelta(minutes=6)).isoformat()))


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("text", "JSON object"),
        ([1], "JSON object"),
        ({"a": {"b": ["x\x00"]}}, "data.a.b[0] contains a NUL"),
        ({"x\x00": 1}, "NUL"),
        ({"a": "\ud83d"}, "data.a contains half a surrogate pair"),
        ({"a": float("nan")}, "data.a is not a number"),
        ({"a": float("inf")}, "data.a is not a number"),
        ({"a": 2**64}, "beyond 64 bits"),
        ({"a": -(2**63) - 1}, "beyond 64 bits"),
        ({"a": 1e20}, "beyond 64 bits"),
        ({"a": {1, 2}}, "JSON does not know"),
        (nested(33), "nested more than 32"),
        (nested(5000), "nested more than 32"),
        ({"a": "x" * 65_536}, "too large"),
    ],
)
def test_data_that_is_refused(data: Any, says: str) -> None:
    assert says in refusal(raw(type="visit", data=data))


@pytest.mark.parametrize(
    "data",
    [
        ...,
        None,
        {},
        nested(32),
        {"a": [[], []] * 40},
        {"a": 2**63, "b": -(2**63)},
        {"a": "\\u0000 e+ 1234567890123456789012"},
        {"a": "一\n二"},
    ],
)
def test_data_that_is_taken(data: Any) -> None:
    expected = {} if data in (..., None) else data
    assert parse.read(raw(type="visit", data=data), NOW).data == expected


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"data_base64": "aGk="}, "send the data as a JSON object"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"datacontenttype": 1}, "datacontenttype"),
    ],
)
def test_envelopes_that_are_refused(changed: dict[str, Any], says: str) -> None:
    assert says in refusal(raw(**changed))


def test_cloudevents_attributes_beside_ours_are_ignored() -> None:
    event = raw(
        specversion="1.0", datacontenttype="application/json; charset=utf-8", traceparent="00-1", dataschema="x"
    )
    assert parse.parse_with_hash(event, NOW).body_hash == parse.parse_with_hash(raw(), NOW).body_hash


@pytest.mark.parametrize(
    ("kind", "data", "says"),
    [
        ("tag.added", {}, "data.tag is missing"),
        ("tag.added", {"tags": "a"}, "Did you mean `tags`?"),
        ("tag.removed", {"tag": ["a"]}, "data.tag is a list"),
        ("tag.added", {"tag": ""}, "0 characters"),
        ("tag.added", {"tag": "a\nb"}, "control character"),
        ("stage.changed", {"stage": "x"}, "data.value is missing"),
        ("stage.changed", {"value": "x", "dimension": 1}, "data.dimension is 1"),
        ("customer.updated", {"attributes": []}, "data.attributes"),
        ("customer.updated", {"timezone": "Asia/Peking"}, "Asia/Shanghai"),
        ("customer.updated", {"timezone": "../etc/passwd"}, "IANA"),
        ("customer.updated", {"staff": {"owner": 1}}, "data.staff.owner"),
        ("customer.updated", {"addresses": "x"}, "data.addresses"),
        ("friend.added", {}, "data.staff is missing"),
        ("friend.added", {"staff": "w", "state": 1}, "data.state"),
        ("friend.removed", {}, "data.staff is missing"),
        ("message.received", {"text": 1}, "data.text is 1"),
        ("message.opted_out", {"channel": 1}, "data.channel is 1"),
        ("purchase", {"amount": 1}, "data.order is missing"),
        ("purchase", {"order": True, "amount": 1}, "data.order is true"),
        ("purchase", {"order": 1}, "data.amount is missing"),
        ("purchase", {"order": 1, "amount": "12"}, "data.amount is '12'"),
        ("purchase.refunded", {"order": "1"}, "data.amount is missing"),
    ],
)
def test_known_types_say_what_their_data_lacks(kind: str, data: dict[str, Any], says: str) -> None:
    assert says in refusal(raw(type=kind, data=data))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("stage.changed", {"value": "意向客户", "dimension": "stage"}),
        (
            "customer.updated",
            {"attributes": {"name": "王"}, "timezone": "Asia/Urumqi", "staff": {"owner": "wl"}, "addresses": {}},
        ),
        ("customer.updated", {}),
        ("friend.added", {"staff": "wl", "state": "qr-1"}),
        ("message.received", {"channel": "wecom", "text": "好的\n谢谢"}),
        ("message.received", {}),
        ("message.opted_out", {}),
        ("purchase", {"order": 7, "amount": 12.5, "currency": "CNY"}),
        ("purchase.refunded", {"order": "SO-7", "amount": 3}),
        ("order.signed", {"anything": [1, None, {"x": True}]}),
    ],
)
def test_known_types_take_what_they_need(kind: str, data: dict[str, Any]) -> None:
    assert parse.read(raw(type=kind, data=data), NOW).data == data


def test_a_near_miss_of_a_type_is_taken_with_a_warning() -> None:
    (warning,) = parse.parse_with_hash(raw(type="tag.add"), NOW).warnings
    assert "did you mean `tag.added`" in warning
    assert untranslated(warning) == []


@pytest.mark.parametrize("kind", ["visit", "customer.created", "order.signed", "measure.booked"])
def test_known_types_and_types_of_ones_own_raise_no_warning(kind: str) -> None:
    assert parse.parse_with_hash(raw(type=kind), NOW).warnings == ()


def test_the_same_event_written_differently_has_the_same_hash() -> None:
    one = parse.parse_with_hash(raw(data={"tag": "a", "n": 1}), NOW).body_hash
    other = parse.parse_with_hash(raw(time=1772326800, data={"n": 1, "tag": "a"}), NOW + timedelta(hours=1)).body_hash
    assert one == other == parse.body_hash(parse.read(raw(data={"tag": "a", "n": 1}), NOW))


def test_without_a_time_a_second_post_still_is_the_same_event() -> None:
    first, second = (parse.parse_with_hash(raw(time=...), NOW + timedelta(hours=h)) for h in (0, 1))
    assert first.event.time != second.event.time and first.body_hash == second.body_hash


@pytest.mark.parametrize(
    "changed",
    [{"type": "visit"}, {"subject": "c-2"}, {"time": ...}, {"data": {"tag": "b"}}, {"id": "x"}, {"source": "y"}],
)
def test_whatever_differs_shows_in_the_hash(changed: dict[str, Any]) -> None:
    assert parse.parse_with_hash(raw(**changed), NOW).body_hash != parse.parse_with_hash(raw(), NOW).body_hash


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["source", "id", "type", "subject", "time", "data", "specversion", "datacontenttype"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(FIELDS, JSON), st.sampled_from([*parse.KNOWN_TYPES]), JSON)
def test_whatever_is_posted_is_read_or_refused_and_a_refusal_can_be_stored(
    changed: dict[str, Any], kind: str, data: Any
) -> None:
    for event in ({**raw(), **changed}, raw(type=kind, data=data), changed, data):
        try:
            read = parse.read(event, NOW)
        except EventError as error:
            assert "\x00" not in str(error)
            str(error).encode()
        else:
            orjson.dumps(read.data)
            assert read.time.tzinfo is UTC
