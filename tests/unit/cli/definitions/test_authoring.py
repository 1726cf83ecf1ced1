"""`sop init`, `sop schema` and `sop reference` speak the reader's language."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.messages.languages import speech
from engine.schema import reference
from engine.schema.json_schema import engine_schema, segments_schema, sop_schema
from engine.schema.reference_pages import EDITIONS
from engine.wiring import CHANNEL_TYPES

SOP = Path(sys.executable).parent / "sop"
LOCALES = {"zh": "zh_CN.UTF-8", "en": "en_US.UTF-8"}


def sop(language: str, *arguments: str) -> str:
    """Return what a command prints in a language; fails where it does."""
    environment = {**os.environ, "LC_ALL": LOCALES[language], "PYTHONUTF8": "1"}
    done = subprocess.run([str(SOP), *arguments], capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("language", LOCALES)
def test_a_schema_has_its_hover_texts_in_the_readers_language(language: str) -> None:
    words = speech(language)
    assert json.loads(sop(language, "schema")) == sop_schema(words)
    assert json.loads(sop(language, "schema", "--segments")) == segments_schema(words)
    assert json.loads(sop(language, "schema", "--engine")) == engine_schema(CHANNEL_TYPES, words)


@pytest.mark.parametrize("language", LOCALES)
def test_a_new_folder_comes_with_schemas_in_the_readers_language(language: str, tmp_path: Path) -> None:
    sop(language, "init", str(tmp_path / "new"))
    written = json.loads((tmp_path / "new" / "sop.schema.json").read_text("utf-8"))
    assert written == sop_schema(speech(language))


@pytest.mark.parametrize("language", LOCALES)
def test_a_page_of_the_reference_is_shown_in_the_readers_language(language: str) -> None:
    page = reference.pages(CHANNEL_TYPES, language, speech(language))["steps.md"]
    assert sop(language, "reference", "steps").rstrip() == page.rstrip()


def test_all_pages_of_the_reference_are_written_whoever_writes_them(tmp_path: Path) -> None:
    sop("zh", "reference", "--write", str(tmp_path))
    for language, edition in EDITIONS.items():
        for name, text in reference.pages(CHANNEL_TYPES, language, speech(language)).items():
            assert (tmp_path / edition.folder / name).read_text("utf-8") == text


@pytest.mark.parametrize(("language", "said"), [("zh", "一位客户"), ("en", "One customer")])
def test_the_customer_to_begin_with_is_commented_in_the_readers_language(language: str, said: str) -> None:
    assert said in sop(language, "simulate", "--example-customer")
