"""All commands in one Typer app, and how it ends: errors are one clear line, exit codes 0 fine, 1 failed, 2 usage."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from typer._click.exceptions import ClickException  # Typer exports no base of its errors

from engine import logs
from engine.cli import language, session, usage
from engine.cli.commands import Commands
from engine.cli.language import tell
from engine.cli.views.output import clean
from engine.core.errors import SopError
from engine.core.sentence import Sentence

_SETTINGS = "Settings"
_NO_TABLE = "42P01"
_state = {"debug": False}

PARTS = {
    "run.demo": ("demo",),
    "run.up": ("up",),
    "definitions.authoring": ("init", "validate", "schema"),
    "definitions.plan": ("diff", "plan", "versions"),
    "definitions.apply": ("apply",),
    "definitions.segments": ("segments",),
    "operate.events": ("event", "events"),
    "definitions.simulate": ("simulate",),
    "operate.explain": ("explain",),
    "operate.sop_report": ("why",),
    "operate.results": ("results",),
    "operate.log": ("log",),
    "operate.pause": ("pause", "resume", "pauses", "recall"),
    "operate.timelines": ("start", "cancel", "test-send", "opt-out", "opt-in"),
    "operate.repair": ("retry", "dead-letters", "audit"),
    "run.doctor": ("doctor", "health"),
    "run.database": ("db",),
    "run.api_keys": ("key",),
    "run.processes": ("api", "matcher", "worker", "beat"),
}
"""Modules of this package and the commands each adds, in the order of `sop --help`."""


def build(wanted: str | None = None) -> Commands:
    """Return the app with every command; where `wanted` is one, with its module only: the others take a second to load."""
    app = Commands(
        name="sop",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Runs customer SOPs: events in, touches out at their time, and every decision explained.",
        epilog="Servers and folders are set by SOP_… variables, see .env.example. `sop COMMAND --help` shows examples.",
    )
    app.callback()(_options)
    for part in [name for name, commands in PARTS.items() if wanted in commands] or PARTS:
        import_module(f"engine.cli.{part}").register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sop-engine {version('sop-engine')}")
        raise typer.Exit


def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    _state["debug"] = debug
    logs.configure("debug" if debug else "critical", "sop")  # what goes wrong is said by the command itself


def main() -> None:
    """Run the command in sys.argv and exit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal of another encoding shows what it can
    sys.exit(_flushed(run(sys.argv[1:])))


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; what it has to say is printed, in the language the arguments or the environment ask for."""
    language.choose(arguments, os.environ)
    wanted = next((each for each in language.without_language(arguments) if not each.startswith("-")), None)
    try:
        return _code(typer.main.get_command(build(wanted))(arguments, prog_name="sop", standalone_mode=False))
    except SystemExit as end:
        return _code(end.code)
    except ClickException as error:
        usage.show(error)
        return error.exit_code
    except typer.Abort:
        usage.show_abort()
        return 1
    except BrokenPipeError:
        return 1
    except Exception as error:
        if _state["debug"]:
            raise
        typer.echo(f"sop: {said(error)}", err=True)
        return 1
    finally:
        session.close()


def _code(code: Any) -> int:
    return code if isinstance(code, int) else 0 if code is None else 1


def said(error: Exception) -> str:
    """Return an error in a line an operator can act on."""
    if isinstance(error, SopError):
        return "\n".join(clean(line) for line in tell(_with_cause(error)).splitlines())
    if isinstance(error, ValidationError) and error.title == _SETTINGS:
        return tell(Sentence.joined(_setting(each["loc"], each["msg"]) for each in error.errors(include_input=False)))
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _NO_TABLE:
        return tell(Sentence("the database has no schema yet, or an older one; run `sop db upgrade`"))
    about = str(error).splitlines()[0] if str(error) else ""
    unexpected = Sentence("{kind}: {about} (`sop --debug …` shows where)", kind=type(error).__name__, about=about)
    return clean(unexpected)


def _with_cause(error: SopError) -> str:
    """Return what an error says and, in the database's own words, why."""
    cause = str(getattr(error.__cause__, "orig", None) or "").strip()
    return Sentence("{what} ({why})", what=error.message, why=cause.splitlines()[0]) if cause else error.message


def _setting(place: tuple[int | str, ...], wrong: str) -> Sentence:
    return Sentence("{setting}: {wrong}", setting=f"SOP_{str(place[0]).upper()}", wrong=usage.ERRORS.said(wrong))


def _flushed(code: int) -> int:
    """Write out what is buffered; a reader that has gone (`| head`) is no error to speak of."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
