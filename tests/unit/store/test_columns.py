"""Statements made of columns and fragments: what the text names and what is bound follow from one list."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from engine.store.columns import Column, Columns
from engine.store.fragments import SqlFragment, joined, quoted, sql

PAIRS: Columns[tuple[int, dict[str, int] | None]] = Columns(
    Column("id", "bigint", lambda row: row[0]), Column("data", "jsonb", lambda row: row[1])
)


def test_the_text_and_the_arrays_name_the_same_columns() -> None:
    assert PAIRS.rows.text == "unnest(cast(:id as bigint[]), cast(:data as text[])) v(id, data)"
    assert PAIRS.placed.text.endswith("with ordinality v(id, data, place)")
    assert PAIRS.values.text == "v.id, v.data::jsonb"
    assert PAIRS.leaving_out("id").assignments.text == "data = v.data::jsonb"
    assert PAIRS.bind([(1, {"a": 2}), (3, None)]) == {"id": [1, 3], "data": ['{"a":2}', None]}


def test_a_statement_binds_what_its_fragments_bind() -> None:
    one, two = SqlFragment("a = :a", {"a": 1}), SqlFragment("b = '{}'", {"b": 2})
    statement = sql("select '{{}}' where {both}", both=joined(" and ", [one, two]))
    assert statement.text == "select '{}' where a = :a and b = '{}'"
    assert statement.values == {"a": 1, "b": 2}


def test_only_plain_words_are_quoted() -> None:
    assert quoted(["queued", "by_hand"]).text == "('queued', 'by_hand')"
    with pytest.raises(ValueError, match="plain"):
        quoted(["queued'); drop table touches; --"])


def test_templates_of_statements_are_literals() -> None:
    """What `sql` is given first stands in the code or is a constant of its module, so no text from elsewhere gets into a statement."""
    loose = []
    for path in Path("engine/store").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sql":
                first = node.args[0]
                literal = isinstance(first, ast.Constant) or (isinstance(first, ast.Name) and first.id.isupper())
                local = isinstance(first, ast.Name) and first.id == "statement"  # a literal two lines above
                if not literal and not local:
                    loose.append(f"{path}:{node.lineno}")
    assert loose == []
