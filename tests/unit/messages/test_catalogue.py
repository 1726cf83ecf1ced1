"""The Chinese catalogue: whole, compiled, and nothing in it that its English does not say."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable

import pytest
from babel.messages.checkers import num_plurals

from engine.messages import update
from engine.messages.__main__ import fields, lines, sample
from engine.messages.extract import ENGINE, Extracted, extracted
from engine.messages.languages import accepted_language, language_of, speech, tell
from tests.support.chinese import english_words

FOUND = extracted()
ONCE = list({(each.context, each.msgid): each for each in FOUND}.values())

SAME = frozenset(
    ["apply", "existing", "failed", "ignore", "join", "key", "MiB", "now", "root", "start", "unknown", "wecom", "while"]
)
"""Codes and keys that stand in sentences without backticks, and units."""
NUMBER = {"number"}
"""Counted sentences need not say how many."""


def name(each: Extracted) -> str:
    return f"{each.file}:{each.line}"


def chinese(each: Extracted) -> str:
    zh = speech("zh")
    if each.many is not None:
        return zh.ngettext(each.msgid, each.many, 3)
    return zh.gettext(each.msgid) if each.context is None else zh.pgettext(each.context, each.msgid)


def test_extraction_finds_nothing_that_the_catalogue_lacks_and_nothing_else_is_in_it() -> None:
    """Seen failing with a sentence more in the source, and with one that nobody says any more."""
    stored = {
        (each.context, each.id[0] if isinstance(each.id, tuple) else each.id) for each in update.catalogue() if each.id
    }
    assert stored == {(each.context, each.msgid) for each in FOUND}


def test_every_sentence_has_a_chinese_one() -> None:
    lacking = [each.id for each in update.catalogue() if each.id and not "".join(each.string or ())]
    assert lacking == []


def test_the_compiled_catalogue_is_made_of_the_one_that_is_edited() -> None:
    assert update.MO.read_bytes() == update.mo_bytes(update.catalogue())


def test_the_catalogue_stands_as_the_update_writes_it() -> None:
    assert update.PO.read_bytes() == update.po_text(update.updated(FOUND, update.catalogue()))


def test_babel_finds_as_many_plurals_as_chinese_has() -> None:
    """Babel's other check is of `%` patterns, which these are not."""
    whole = update.catalogue()
    for message in whole:
        num_plurals(whole, message)


def test_both_languages_name_the_same_values() -> None:
    """Seen failing with a value left out of the Chinese, and with one misspelt in it."""
    pairs = [
        (each, *(set(fields(text)) for text in (each.msgid, each.many or each.msgid, chinese(each))))
        for each in ONCE
        if fields(each.msgid)
    ]
    assert len(pairs) > 800
    differing = [
        name(each)
        for each, one, many, zh in pairs
        if {n for n, _ in zh} | NUMBER != {n for n, _ in one | many} | NUMBER
    ]
    assert differing == []


def test_the_chinese_has_no_english_word_but_codes_keys_and_names() -> None:
    english = {name(each): words for each in ONCE if (words := english_words(bare(each), SAME))}
    assert english == {}


def bare(each: Extracted) -> str:
    """The Chinese of a sentence, without the code in brackets where it is the word for a code."""
    return chinese(each).replace(f"({each.msgid})", "") if each.context in ("key", "event type") else chinese(each)


def calls() -> Iterable[tuple[str, ast.Call, str]]:
    """Every place that fills in a sentence on the spot: where, the call, and its pattern."""
    for path in sorted(ENGINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.keywords and all(each.arg for each in node.keywords):
                texts = [
                    each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                called = ast.unparse(node.func)
                if called == "Sentence" or (called.endswith(".say") and texts):
                    yield f"{path.relative_to(ENGINE)}:{node.lineno}", node, "".join(texts[:1])
                elif called in ("Sentence.within", "Sentence.counted"):
                    yield f"{path.relative_to(ENGINE)}:{node.lineno}", node, texts[-1]


def test_whoever_says_a_sentence_gives_it_the_values_it_names() -> None:
    """Seen failing with a misspelt value: `str.format` would only find that when the sentence is said."""
    wrong, looked_at = [], 0
    for where, node, pattern in calls():
        given = {each.arg for each in node.keywords}
        wanted = {field for field, _ in fields(pattern)} - {"number"}
        looked_at += 1
        if not wanted <= given:
            wrong.append((where, sorted(wanted - given)))
    assert wrong == []
    assert looked_at > 300


def test_only_gettext_is_needed_to_speak() -> None:
    code = "import sys; import engine.messages.languages as l; l.speech('zh'); print('babel' in sys.modules, 'gettext' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_everything_can_be_printed_with_sample_values() -> None:
    printed = "\n".join(lines())
    assert len(printed) > 50_000
    for each in ONCE[:50]:
        assert tell(sample(each), "zh") in printed


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB"}, "en"),
        ({"LANG": "en_US", "LC_ALL": "zh_TW"}, "zh"),
        ({"LC_ALL": "zh_CN", "SOP_LANG": "en"}, "en"),
        ({"LC_ALL": "C", "LANG": "zh_CN"}, "en"),
        ({"SOP_LANG": "", "LANG": "zh"}, "zh"),
        ({"LANG": "fr_FR"}, "en"),
    ],
)
def test_the_environment_names_the_language(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.8, zh;q=0.9", "zh"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=0, en", "en"),
        ("*", "en"),
        ("zh;q=high", "en"),
        ("", "en"),
    ],
)
def test_a_header_names_the_language(header: str | None, language: str) -> None:
    assert accepted_language(header) == language
