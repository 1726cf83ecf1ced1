"""Output for people and for pipes: tables on a terminal, tab-separated lines elsewhere, JSON where asked for."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import typer
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from engine.cli.language import tell
from engine.cli.views import wrapping
from engine.core.sentence import Sentence
from engine.core.time.arithmetic import zone

wrapping.break_between_characters()

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What could steer a terminal or turn the reading direction: control characters, bidi overrides."""

_MOMENTS = ("time", "received", "applied")

STYLES = {
    "sent": "green",
    "failed": "red",
    "unknown": "red",
    "error": "red",
    "warning": "yellow",
    "ok": "green",
    "skipped": "dim",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list; `width` is what it gets where lines come one by one."""

    name: str
    """A sentence of ours, or words in the reader's language."""
    width: int = 20


def on_terminal() -> bool:
    """Return whether a person looks at standard output."""
    return sys.stdout.isatty()


def coded(code: str, words: Mapping[str, Sentence]) -> str:
    """Return a code in words on a terminal; in a pipe, where programs read it, as it is."""
    return words.get(code, code) if on_terminal() else code


def clean(value: Any) -> str:
    """Return a value as one line of text that cannot steer a terminal, in the language of this run."""
    text = "" if value is None else tell(value)
    return _UNSAFE.sub(
        lambda found: " " if found[0] in "\t\n" else found[0].encode("unicode_escape", "backslashreplace").decode(),
        text,
    )


def at(moment: datetime | None, zone_name: str) -> str:
    """Return a moment in the zone: as people write it on a terminal, ISO 8601 with the offset elsewhere."""
    if moment is None:
        return ""
    local = moment.astimezone(zone(zone_name))
    return f"{local:%Y-%m-%d %H:%M:%S}" if on_terminal() else local.isoformat(timespec="seconds")


def say(text: str) -> None:
    """Print one line, in the language of this run."""
    typer.echo(tell(text))


def note(text: str) -> None:
    """Print one line beside the output proper: to standard error, in the language of this run."""
    typer.echo(tell(text), err=True)


def agreed(question: str) -> bool:
    """Ask a person, until the answer is one: y agrees, n or nothing does not."""
    while True:
        answer = typer.prompt(f"{tell(question)} [y/N]", default="", show_default=False).strip().lower()
        if answer in ("y", "yes"):
            return True
        if answer in ("", "n", "no"):
            return False
        say(Sentence("Error: invalid input"))


def as_json(value: Any, *, indent: bool = True) -> None:
    """Print a value as JSON: dataclasses as objects, moments as ISO 8601."""
    typer.echo(json_text(value, indent=indent))


def json_text(value: Any, *, indent: bool = True) -> str:
    """Return a value as JSON: dataclasses as objects, moments as ISO 8601, sentences in the language of this run."""
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS | (orjson.OPT_INDENT_2 if indent else 0)
    return orjson.dumps(value, default=_plain, option=options).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return tell(value)
    if isinstance(value, (dict, list)):
        return dict(value) if isinstance(value, dict) else list(value)
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value) if isinstance(value, (set, frozenset)) else list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def table(columns: Sequence[Column], lines: Iterable[Sequence[Any]]) -> None:
    """Print rows: a table with headings on a terminal, tab-separated lines without headings elsewhere."""
    if not on_terminal():
        for line in lines:
            typer.echo("\t".join(map(clean, line)))
        return
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        # a moment cut in two would take two lines for each row, whatever else is in it
        shown.add_column(tell(column.name), overflow="fold", no_wrap=column.name in _MOMENTS)
    for line in lines:
        shown.add_row(*(styled(each) for each in line))
    Console().print(shown)


def line(columns: Sequence[Column], values: Sequence[Any]) -> None:
    """Print one row as it comes in: padded to the columns on a terminal, tab-separated elsewhere."""
    if not on_terminal():
        typer.echo("\t".join(map(clean, values)))
        sys.stdout.flush()
        return
    *padded, last = map(clean, values)
    cells = [_padded(text, column.width) for column, text in zip(columns, padded, strict=False)]
    typer.echo("  ".join([*cells, last]))


def _padded(text: str, width: int) -> str:
    return text if cell_len(text) > width else set_cell_size(text, width)


def styled(value: Any) -> Text:
    """Return a cell for a table, in the colour of its status if it is one."""
    return Text(clean(value), style=STYLES.get(str(value), ""))


def print_styled(*parts: tuple[str, str]) -> None:
    """Print a line of (text, style); on terminals with the styles, and folded under its own beginning."""
    whole = "".join(clean(text) for text, _ in parts)
    if not on_terminal():
        typer.echo(whole)
        return
    indent = len(whole) - len(whole.lstrip())
    text = Text.assemble(*((clean(text), style) for text, style in parts))[indent:]
    Console(highlight=False).print(Padding(text, (0, 0, 0, indent), expand=False))


def print_beside(lead: tuple[str, str], *lines: tuple[str, str]) -> None:
    """Print lines of (text, style) beside what leads them; on terminals folded where they begin, not under the lead."""
    if not on_terminal():
        for index, (text, _) in enumerate(lines):
            typer.echo((clean(lead[0]) if index == 0 else " " * cell_len(clean(lead[0]))) + clean(text))
        return
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for index, (text, style) in enumerate(lines):
        grid.add_row(Text(clean(lead[0]), style=lead[1]) if index == 0 else "", Text(clean(text), style=style))
    Console(highlight=False).print(grid)
