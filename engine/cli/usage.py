"""What Typer says of itself, in the language of this run: headings of its help, and what is wrong with a command line.

Typer's texts are English and filled in already when we see them. So what it says is compared with the patterns it says it by,
and said again by the pattern that fits; one that fits none stays English.
"""

from __future__ import annotations

from typer._click.exceptions import ClickException, NoArgsIsHelpError, UsageError  # Typer exports no base of its errors

from engine.cli.language import language, tell
from engine.core.foreign_texts import ForeignTexts
from engine.core.pydantic_texts import PYDANTIC
from engine.core.sentence import Sentence

USAGE = Sentence("Usage: ")
OPTIONS = Sentence("[OPTIONS]")
COMMAND = Sentence("COMMAND [ARGS]...")

_HEADINGS = {
    "ARGUMENTS_PANEL_TITLE": Sentence("Arguments"),
    "OPTIONS_PANEL_TITLE": Sentence("Options"),
    "COMMANDS_PANEL_TITLE": Sentence("Commands"),
    "ERRORS_PANEL_TITLE": Sentence("Error"),
    "ABORTED_TEXT": Sentence("Aborted."),
    "DEFAULT_STRING": Sentence("[default: {}]"),
    "REQUIRED_LONG_STRING": Sentence("[required]"),
    "RICH_HELP": Sentence("Try [blue]'{command_path} {help_option}'[/] for help."),
}
"""Typer's names of its texts, and what they are."""

_HELP = (
    Sentence("Show this message and exit."),
    Sentence("Install completion for the current shell."),
    Sentence("Show completion for the current shell, to copy it or customize the installation."),
)
"""The help of the options that Typer adds: said by the commands that show them."""

ERRORS = ForeignTexts(
    Sentence("Invalid value for {parameter}: {why}"),
    Sentence("Invalid value: {why}"),
    Sentence("Missing argument {parameter}. Choose from:\n\t{choices}"),
    Sentence("Missing argument {parameter}."),
    Sentence("Missing option {parameter}. Choose from:\n\t{choices}"),
    Sentence("Missing option {parameter}."),
    Sentence("Missing command."),
    Sentence("No such option: {option} (Possible options: {options})"),
    Sentence("No such option: {option}"),
    Sentence("No such command {command}. Did you mean {commands}?"),
    Sentence("No such command {command}."),
    Sentence("Option {option} does not take a value."),
    Sentence("Option {option} requires an argument."),
    Sentence("Got unexpected extra argument(s) ({arguments})"),
    # what is wrong with a value, in Pydantic's words
    Sentence("Value error, {value} is not one of {choices}."),
    *PYDANTIC.known,
)
"""More particular ones first."""


def set_headings() -> None:
    """Have Typer use our headings in what it shows from now on."""
    from typer import rich_utils  # takes long to load, and most commands show no help

    for name, said in _HEADINGS.items():
        setattr(rich_utils, name, tell(said))


def show(error: ClickException) -> None:
    """Say what is wrong with the command line, as Typer does it."""
    from typer import rich_utils

    set_headings()
    if language() != "en" and not isinstance(error, NoArgsIsHelpError):
        error = UsageError(_error(error), getattr(error, "ctx", None))
    rich_utils.rich_format_error(error)


def show_abort() -> None:
    """Say that a question was not answered."""
    from typer import rich_utils

    set_headings()
    rich_utils.rich_abort_error()


def _error(error: ClickException) -> str:
    said = error.format_message()
    if isinstance(error.message, Sentence):  # one of ours, within what Typer says around it
        return tell(ERRORS.said(said.replace(error.message, _OURS))).replace(_OURS, tell(error.message))
    return tell(ERRORS.said(said))


_OURS = "\x00"
