"""The house stays a house: rooms of a size that a reader can hold in mind, and a map that agrees with them."""

from __future__ import annotations

import ast
import re

import pytest

from benchmarks import structure
from tests.support.places import ROOT

ROW = re.compile(r"^\| `(?P<path>[\w/]+\.py)` \| `(?P<name>\w+)` \|", re.MULTILINE)
MENTIONED = re.compile(r"`((?:engine|workers|tests)/[\w/]+\.py)`")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_no_folder_holds_more_than_twenty_modules() -> None:
    assert {name: size for name, size in structure.folder_sizes().items() if size > 20} == {}


def test_no_file_is_longer_than_300_lines() -> None:
    assert {name: size for name, size in structure.file_sizes().items() if size > 300} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    assert [each for each in structure.functions() if each.lines > 60] == []


def test_at_most_one_function_in_a_hundred_takes_six_parameters() -> None:
    inner = [each for each in structure.functions() if not each.path.startswith(structure.EDGES)]
    many = structure.many_parameters()
    assert len(many) <= len(inner) / 100, many


def test_the_longest_chain_of_imports_in_core_has_twelve_modules() -> None:
    assert len(chain := structure.longest_chain()) <= 12, " > ".join(chain)


def test_every_public_function_says_its_parameters_and_what_it_raises() -> None:
    assert structure.undocumented() == []


# ── the map in CONTRIBUTING ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", sorted(set(MENTIONED.findall(CONTRIBUTING))))
def test_every_file_that_contributing_names_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("path", "name"), ROW.findall(CONTRIBUTING))
def test_every_stop_of_the_two_ways_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    defined = {
        each.name for each in tree.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    assert name in defined


def test_the_ways_have_as_many_stops_as_a_reader_expects() -> None:
    assert len(ROW.findall(CONTRIBUTING)) >= 25
