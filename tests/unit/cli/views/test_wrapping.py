"""Lines of Chinese are broken, not cut off, and punctuation stays where it belongs."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from engine.cli.views.wrapping import break_between_characters

CHINESE = (
    "说明一个 SOP 在一段时间里做了什么：谁触发了它，谁没有进入及原因（按步骤），`sop why renovation-lead` 的「结果」。"
)
ENGLISH = "Tell what an SOP did over a time: who triggered it, who did not enter and why."


def shown(text: str, width: int) -> list[str]:
    """Return the lines of a table's only column."""
    break_between_characters()
    table = Table.grid()
    table.add_column()
    table.add_row(text)
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(table)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", range(16, 60))
def test_nothing_is_lost_at_any_width(width: int) -> None:
    lines = shown(CHINESE, width)
    assert "".join(lines).replace(" ", "") == CHINESE.replace(" ", "")
    assert max(map(cell_len, lines)) <= width
    assert [line for line in lines if line[0] in "，。：）」"] == []
    assert [line for line in lines if line[-1] in "（「"] == []


def test_words_of_latin_letters_stay_whole() -> None:
    assert any("renovation-lead" in line for line in shown(CHINESE, 20))
    assert " ".join(shown(ENGLISH, 30)) == ENGLISH
