"""What libraries say is recognised: every text that stands in their sources, and what they really raise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import jinja2.lexer
import jinja2.parser
import pytest
import ruamel.yaml.parser
import ruamel.yaml.scanner
from pydantic_core._pydantic_core import list_all_errors

from engine.core.foreign_texts import PYTHON, REGEX, SYSTEM, ForeignTexts
from engine.core.pydantic_texts import PYDANTIC
from engine.core.sentence import Sentence
from engine.core.templates.jinja_texts import JINJA
from engine.definitions_yaml import yaml_texts
from engine.messages.languages import tell
from tests.support.chinese import english_left

_ONLY_CODE = re.compile(
    r"bytes|complex|fraction|frozen|callable|dataclass|arguments?|instance|subclass|attribute|python|sentinel|ellipsis"
    r"|url|uuid_version|decimal_|counter|deque|set_|frozenset|named_tuple|ordered|default_factory|recursion|iteration"
    r"|date_past|date_future|timezone_offset|json_type"
)
"""Types of pydantic's errors that no model of ours can have: they are about code, or of types we do not use."""


def literal(node: ast.expr) -> str | None:
    """Return a literal text with `x` for what is filled in, None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_filled(each) for each in node.values)
    return None


def _filled(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    return "'x'" if isinstance(part, ast.FormattedValue) and part.conversion == ord("r") else "x"


def given(module: ModuleType, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the literal texts that are handed to functions or errors of these names."""
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names:
            yield from (text for each in node.args if (text := literal(each)))


@pytest.mark.parametrize("module", [ruamel.yaml.scanner, ruamel.yaml.parser])
def test_yaml(module: ModuleType) -> None:
    known = (yaml_texts.READING, yaml_texts.STUMBLING)
    texts = [each.strip() for each in given(module, ("ScannerError", "ParserError")) if "http" not in each]
    texts = [each.replace(" an x", " an tag").replace(" a x node", " a block node") for each in texts]
    assert len(texts) > 15
    assert [each for each in texts if not any(table.knows(each) for table in known)] == []


@pytest.mark.parametrize("module", [jinja2.lexer, jinja2.parser])
def test_jinja(module: ModuleType) -> None:
    texts = [*given(module, ("fail", "TemplateSyntaxError", "Failure")), "Unexpected end of template."]
    assert [each for each in texts if " " in each and not JINJA.knows(each)] == []


def test_pydantic() -> None:
    found = [each for each in list_all_errors() if not _ONLY_CODE.search(each["type"])]
    texts = [re.sub(r"\{\w+\}", "1", each["message_template_python"]) for each in found]
    assert len(texts) > 40
    missed = [
        each for each in texts if not PYDANTIC.knows(each) and not PYDANTIC.knows(re.sub(r"(?<=[a-z])1", "s", each))
    ]
    assert missed == []


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "a**", "*a", "a{3,2}", "(?P<1>a)", "(?P=x)", r"\8", "\\", "(?z)", "(?", "(?<a", "[b-a]", r"\N{zzz}", "(?P<a>x)(?P<a>y)",
     r"\x1", "(?<=a+)b", "(?i", "a(?i)b", "(?P<a", "(?#a", "(?(1)a|b|c)", "(?-i)a", "(?La)", "\n(", "(?a-", "a{99999999999999999999}"],
)  # fmt: skip
def test_regular_expressions(pattern: str) -> None:
    with pytest.raises((re.error, OverflowError)) as caught:
        re.compile(pattern)
    text = str(caught.value)
    assert REGEX.said(text) == text
    assert english_left(REGEX.said(text)) == []


@pytest.mark.parametrize(
    ("texts", "text", "said"),
    [
        (SYSTEM, "No such file or directory", "没有这个文件或文件夹"),
        (PYTHON, 'can only concatenate str (not "int") to str', "文本只能与文本拼接（这里是整数）"),
        (PYTHON, "'>' not supported between instances of 'str' and 'float'", "不能用 `>` 比较文本和小数"),
        (PYDANTIC, "Input should be 'a', 'b' or 'c'", "应为 'a', 'b' 或 'c'"),
        (yaml_texts.STUMBLING, "expected ',' or '}', but got '<scalar>'", "应为 `,` 或 `}`，却是“文本”"),
        (JINJA, "unexpected '}', expected ')'", "这里不能有“}”，应为“)”"),
        (
            JINJA,
            "Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. "
            "The innermost block that needs to be closed is 'if'.",
            "模板意外结束。此处应有：“elif” 或 “else” 或 “endif”。最里层需要结束的是“if”。",
        ),
    ],
)
def test_what_they_say_is_said_in_chinese(texts: ForeignTexts, text: str, said: str) -> None:
    assert texts.said(text) == text
    assert tell(texts.said(text), "zh") == said


def test_a_text_that_is_not_known_is_said_as_it_is() -> None:
    said = SYSTEM.said("Something {new}")
    assert isinstance(said, Sentence)
    assert said == "Something {new}"
