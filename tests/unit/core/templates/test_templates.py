"""Messages: what a template may say, and that nothing but known values ever comes out."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import MissingValue, TemplateError
from engine.core.templates import OUTPUT_LIMIT, TemplateNames, check, render
from tests.support.chinese import english_left

KNOWN = TemplateNames(attributes=("name", "budget", "due"), dimensions=("stage",), staff=("owner",))


def context(**attributes: Any) -> dict[str, Any]:
    customer = {
        "ref": "c-1", "attributes": attributes, "tags": ["楼盘A", "装修意向"], "dimensions": {"stage": "意向客户"},
        "staff": {"owner": "li"}, "timezone": "Asia/Shanghai",
    }  # fmt: skip
    if "name" in attributes:
        customer["name"] = attributes["name"]
    return {
        "customer": customer,
        "event": {
            "type": "order.signed",
            "time": "2026-03-01T17:30:00Z",
            "data": {"items": [{"sku": "A1"}, {"sku": None}]},
        },
        "timeline": {"started": datetime(2026, 3, 1, 17, 30, tzinfo=UTC), "day": 3},
        "sop": {"id": "lead", "title": "培育"},
        "step": {"id": "d3"},
    }


def said(text: str) -> str:
    return " | ".join(f"{each.line}:{each.column} {each.message}" for each in check(text, KNOWN))


_WITHOUT_N = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="NU"), max_size=4)
"""Any text but those that say None or Undefined themselves."""


class TestRender:
    def test_fills_in_values(self) -> None:
        assert render("{{ customer.name }},您好", context(name="王")) == "王,您好"

    def test_default_stands_in_for_a_missing_value(self) -> None:
        assert render("{{ customer.name | default('您') }}好", context()) == "您好"
        assert render("{{ customer.name | default('您') }}好", context(name=None)) == "您好"
        assert render("{{ event.data.a.b.c | d('x') }}", context()) == "x"

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("Hi {{ customer.name }}", "customer.name"),
            ("Hi {{ customer.attributes.budget }}", "customer.attributes.budget"),
            ("{{ event.data.items[1].sku }}", "event.data.items[1].sku"),
            ("{{ event.data.items[7].sku }}", "event.data.items[7].sku"),
            ("{{ 'a' ~ customer.name }}", "customer.name"),
            ("{{ customer.name | upper }}", "customer.name"),
            ("{{ customer.name | int }}", "customer.name"),
            ("{{ customer.name | date }}", "customer.name"),
            ("{{ customer.name | length }}", "customer.name"),
            ("{{ customer.name | join }}", "customer.name"),
            ("{{ 'a' | replace('a', customer.name) }}", "customer.name"),
            ("{% if customer.name %}a{% endif %}", "customer.name"),
            ("{% if customer.name == 'a' %}a{% endif %}", "customer.name"),
            ("{% for x in customer.name %}a{% endfor %}", "customer.name"),
        ],
    )
    def test_a_missing_value_is_named(self, text: str, name: str) -> None:
        with pytest.raises(MissingValue, match=re.escape(f"`{name}`")) as caught:
            render(text, context(name=None, budget=None))
        assert english_left(caught.value.message) == []

    def test_the_line_is_named(self) -> None:
        with pytest.raises(MissingValue, match="line 2"):
            render("a\n{{ customer.name }}\n", context())

    @given(
        st.recursive(st.none() | st.integers() | _WITHOUT_N, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
        st.sampled_from(
            ["{{ X }}", "{{ X ~ '' }}", "{{ X | join }}", "{{ X | first }}", "{{ X | trim }}", "{{ X | sort | join }}", "{{ X | unique }}",
             "{% for x in X %}{{ x }}{% endfor %}", "{{ X if X else X }}", "{{ (X or X) ~ (X and X) }}", "{{ X + X }}",
             "{{ X + X ~ '' }}", "{{ X | default(X) }}", "{{ (X + X) | join }}"]
        ),
    )  # fmt: skip
    def test_none_is_never_sent(self, value: Any, text: str) -> None:
        try:
            sent = render(text.replace("X", "customer.attributes.x"), context(x=value))
        except TemplateError:
            return
        assert "None" not in sent
        assert "Undefined" not in sent

    def test_lists_groups_and_truth_values_are_not_printed(self) -> None:
        for text in ("{{ customer.tags }}", "{{ customer }}", "{{ customer.tags ~ '' }}", "{{ 1 == 1 }}"):
            with pytest.raises(TemplateError, match=r"list|group|true or false") as caught:
                render(text, context())
            assert english_left(caught.value.message) == []

    def test_whole_numbers_have_no_point(self) -> None:
        assert render("{{ customer.attributes.budget }} {{ 3.5 }}", context(budget=200000.0)) == "200000 3.5"

    @pytest.mark.parametrize(
        ("text", "sent"),
        [
            ("{{ event.time | date('%-m月%-d日 %H:%M') }}", "3月2日 01:30"),
            ("{{ timeline.started | date }}", "2026-03-02"),
            ("{{ customer.attributes.due | date('%Y/%m/%d') }}", "2026/05/01"),
            ("{{ customer.tags | join('、') }}", "楼盘A、装修意向"),
            ("{{ customer.tags | first }}{{ customer.tags | last }}{{ customer.tags | count }}", "楼盘A装修意向2"),
            ("{{ 'abc' | replace('b', 'xx') | upper }}", "AXXC"),
            ("{{ '2.567' | float | round(1) }} {{ 2.5 | int }} {{ -3 | abs }}", "2.6 2 3"),
            ("{{ '一二三四五六' | truncate(4) }}", "一二三…"),
            (
                "{% for t in customer.tags %}{{ loop.index }}{{ t }}{% if not loop.last %},{% endif %}{% endfor %}",
                "1楼盘A,2装修意向",
            ),
            ("{{ 'y' if customer.dimensions.stage in ['意向客户'] else 'n' }}", "y"),
            ("{% if customer.name is defined %}y{% else %}n{% endif %}", "n"),
            ("{% if '楼盘A' in customer.tags %}\n  y\n{% endif %}\nz", "  y\nz"),
        ],
    )
    def test_what_the_language_offers(self, text: str, sent: str) -> None:
        assert check(text, KNOWN) == []
        assert render(text, context(due=date(2026, 5, 1))) == sent

    def test_data_named_like_methods_are_data(self) -> None:
        assert render("{{ event.data.items[0].sku }}", context()) == "A1"
        with pytest.raises(MissingValue):
            render("{{ customer.keys }}", context())

    @pytest.mark.parametrize(
        "text",
        [
            "{{ 1 / 0 }}",
            "{{ 'a' + 1 }}",
            "{{ 'x' | int }}",
            "{{ 'x' | date }}",
            "{{ 'x' | round(99) }}",
            "{{ '' | join }}",
            "{{ x.y( }}",
        ],
    )
    def test_everything_else_is_a_template_error_with_its_line(self, text: str) -> None:
        with pytest.raises(TemplateError, match="line 1") as caught:
            render(text, context())
        assert not isinstance(caught.value, MissingValue)
        assert english_left(caught.value.message) == []

    def test_a_customers_value_is_not_quoted_in_errors(self) -> None:
        with pytest.raises(TemplateError) as caught:
            render("{{ customer.attributes.budget | int }}", context(budget="13800000000x"))
        assert "1380" not in str(caught.value)

    def test_the_text_is_bounded(self) -> None:
        with pytest.raises(TemplateError, match="20,000"):
            render("{{ customer.name }}{{ customer.name }}", context(name="x" * (OUTPUT_LIMIT // 2 + 1)))

    def test_what_is_refused_at_check_is_refused_at_render(self) -> None:
        with pytest.raises(TemplateError, match="calls are not allowed"):
            render("{{ customer.name.upper() }}", context(name="a"))


PAYLOADS = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ customer['__class__'] }}",
    "{{ customer | attr('__class__') }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__ }}",
    "{{ ''.format() }}",
    "{{ '%s' | format(customer) }}",
    "{{ 'A' * 10**9 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{% for x in range(10**9) %}{% endfor %}",
    "{% set x = 1 %}",
    "{% macro a() %}{% endmacro %}",
    "{% include 'x' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{% block a %}{% endblock %}",
    "{% with a = 1 %}{% endwith %}",
    "{% filter upper %}{% endfilter %}",
    "{% for a in customer.tags %}{% for b in customer.tags %}{% for c in customer.tags %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for x in customer.tags recursive %}{{ loop(x) }}{% endfor %}",
    "{{ 'x' | center(999999999) }}",
    "{{ 'x' | pprint }}",
    "{{ [customer.name] ~ '' }}",
    "{{ {'a': 1} }}",
    "{{ customer.name[:3] }}",
    "{{ event.data[customer.name] }}",
    "{{ " + "(" * 9000 + "1" + ")" * 9000 + " }}",
    "{{ " + "1+" * 9000 + "1 }}",
    "{{ " + "not " * 4000 + "1 }}",
    "{{ " + "9" * 6000 + " }}",
    "{{ 1e999 }}",
    "{% if 1 %}" * 2000,
    "x" * (OUTPUT_LIMIT + 1),
]


class TestCheck:
    @pytest.mark.parametrize("payload", PAYLOADS, ids=lambda text: text[:40])
    def test_payloads_and_bombs_are_refused(self, payload: str) -> None:
        for each in check(payload, KNOWN):
            assert english_left(each.message) == []
        with pytest.raises(TemplateError) as caught:
            render(payload, context(name="a"))
        assert english_left(caught.value.message) == []

    def test_a_replace_bomb_is_stopped(self) -> None:
        bomb = "{{ 'aa'" + " | replace('a', 'aa')" * 45 + " }}"
        with pytest.raises(TemplateError, match=r"20,000|deeper"):
            render(bomb, context())

    def test_a_loop_over_long_data_is_stopped(self) -> None:
        with pytest.raises(TemplateError, match="200 elements"):
            render("{% for x in customer.attributes.l %}{% endfor %}", context(l=list(range(201))))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("您好\n {{ customer.nmae }}", "2:5 unknown name `customer.nmae`"),
            ("{{ customer.nmae }}", "Did you mean `customer.name`?"),
            ("{{ customer.budget }}", "Did you mean `customer.attributes.budget`?"),
            ("{{ budget }}", "Did you mean `customer.attributes.budget`?"),
            ("{{ customr.name }}", "Did you mean `customer`?"),
            ("{{ customer.attributes.budgt }}", "Did you mean `budget`?"),
            ("{{ customer.attributes.other }}", "Declare it under `attributes` in engine.yaml"),
            ("{{ customer.dimensions.stagee }}", "Did you mean `stage`?"),
            ("{{ customer.staff.ownr }}", "Did you mean `owner`?"),
            ("{{ event.dat.x }}", "Did you mean `data`?"),
            ("{{ timeline.begin }}", "`timeline.started`, `timeline.day`"),
            ("{{ sop.name }}", "`sop.id`, `sop.title`"),
            ("{{ customer }}", "is a group of values"),
            ("{{ customer.name | uper }}", "Did you mean `upper`?"),
            ("{{ customer.name | default（'x') }}", "half-width"),
            ("{{ event.time | date('%Q') }}", "date does not know `%Q`"),
            ("{{ 'a' if customer.name }}", "needs its `else`"),
            ("{{ customer.name | default(none) }}", "`none` is not allowed"),
            ("{{ customer.name", "1:1"),
            ("{% for x in customer.tags %}{% endfor %}{{ x }}", "unknown name `x`"),
        ],
    )
    def test_problems_name_place_and_remedy(self, text: str, expected: str) -> None:
        assert expected in said(text)
        assert [left for each in check(text, KNOWN) for left in english_left(each.message)] == []

    def test_the_name_must_be_a_declared_attribute(self) -> None:
        problems = check("{{ customer.name }}", TemplateNames())
        assert "add `name: text` under `attributes`" in problems[0].message

    def test_loop_variables_are_names(self) -> None:
        assert check("{% for item in event.data.items %}{{ item.sku }}{% endfor %}", KNOWN) == []

    @settings(max_examples=200)
    @given(st.text(alphabet="{}%|.'()[]~+-*/ \nabcdefor inifusetls_12（", max_size=60))
    def test_any_text_is_checked_without_an_exception(self, text: str) -> None:
        if not check(text, KNOWN):
            with suppress(TemplateError):
                render(text, context(name="a"))
