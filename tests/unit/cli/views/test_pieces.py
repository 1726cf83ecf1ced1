"""The small decisions of the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app, client, session
from engine.cli.operate.events import data_of
from engine.cli.views.output import Column, clean, table
from engine.core.errors import AccessError, InstallationError, SopError
from engine.settings import Settings

NOW = datetime(2026, 3, 8, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "data"),
    [
        (["tag=装修意向"], {"tag": "装修意向"}),
        (
            ["amount=12.5", "paid=true", "lines=[1, 2]", "none=null"],
            {"amount": 12.5, "paid": True, "lines": [1, 2], "none": None},
        ),
        (
            ["phone=0123", 'tag="123"', "text=a=b", "empty="],
            {"phone": "0123", "tag": "123", "text": "a=b", "empty": ""},
        ),
        (
            ["attributes.name=王", "attributes.budget=5", "x.y=z"],
            {"attributes": {"name": "王", "budget": 5}, "x": {"y": "z"}},
        ),
    ],
)
def test_key_value_texts_become_data(values: list[str], data: dict[str, object]) -> None:
    assert data_of(values) == data


@pytest.mark.parametrize("values", [["tag"], ["=x"], ["a=1", "a.b=2"]])
def test_what_is_not_key_value_is_named(values: list[str]) -> None:
    with pytest.raises(SopError, match=values[-1]):
        data_of(values)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("90m", datetime(2026, 3, 8, 2, 30, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 2, 28, 16, tzinfo=UTC)),
        ("2026-03-01T10:00:00+00:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
    ],
)
def test_since_takes_durations_dates_and_moments(text: str, moment: datetime) -> None:
    assert session.moment(text, NOW, "Asia/Shanghai") == moment


@pytest.mark.parametrize(
    ("text", "shown"), [("a\tb\nc", "a b c"), ("\x1b[31m", "\\x1b[31m"), ("\u202e", "\\u202e"), (None, ""), (5, "5")]
)
def test_what_could_steer_a_terminal_is_shown_as_what_it_is(text: object, shown: str) -> None:
    assert clean(text) == shown


def test_a_moment_is_not_cut_in_two_however_narrow_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.cli.views.output.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    table(
        [Column("time"), Column("detail")], [("2026-09-22 10:00:05", "written to the log of this machine, all of it")]
    )
    assert "2026-09-22 10:00:05" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"api_host": "0.0.0.0", "api_port": 9}, "http://127.0.0.1:9"),
        ({"api_host": "::1"}, "http://[::1]:8000"),
        ({"api_url": "https://sop.example/"}, "https://sop.example"),
    ],
)
def test_where_the_api_is(settings: dict[str, object], url: str) -> None:
    assert client.url(Settings(_env_file=None).model_copy(update=settings)) == url


def test_an_api_url_that_is_none_is_named() -> None:
    with pytest.raises(InstallationError, match="SOP_API_URL"):
        client.url(Settings(_env_file=None).model_copy(update={"api_url": "sop.example"}))


def test_the_key_is_the_one_set_else_the_one_in_the_state_folder(tmp_path: Path) -> None:
    settings = Settings(_env_file=None).model_copy(update={"state_dir": tmp_path, "api_key": None})
    with pytest.raises(AccessError, match="sop key create"):
        client.key(settings)
    (tmp_path / "admin.key").write_text("sop_x\n", encoding="utf-8")
    assert client.key(settings) == "sop_x"


# ── help ─────────────────────────────────────────────────────────────────────────────────────────────────────

COMMANDS = [
    "demo",
    "up",
    "init",
    "validate",
    "schema",
    "apply",
    "event",
    "events",
    "explain",
    "log",
    "doctor",
    "health",
    "key",
    "api",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_text(command: str) -> None:
    shown = CliRunner().invoke(app.build(), [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert shown.exit_code == 0
    assert "Usage: " in shown.output
    assert len(shown.output.splitlines()[3].strip()) > 10


def test_an_error_keeps_its_lines_and_loses_what_steers_terminals() -> None:
    assert app.said(SopError("one\ntwo \x1b[31m")) == "one\ntwo \\x1b[31m"
    assert app.said(ValueError("odd")).startswith("ValueError: odd")
