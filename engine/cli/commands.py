"""Typer's classes as this command line needs them: every command takes `--lang`, and its help is in the language of this run."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

import typer
from typer._click.core import Command as ClickCommand  # Typer gives its base no other name
from typer._click.core import Context, Parameter
from typer._click.exceptions import NoArgsIsHelpError
from typer._click.formatting import HelpFormatter
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from engine.cli import usage
from engine.cli.language import language, tell, without_language
from engine.core.sentence import Sentence


class Language(StrEnum):
    """Languages that everything is said in."""

    zh = "zh"
    en = "en"


class Commands(typer.Typer):
    """An app, or a group of commands within it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[..., Any]:
        """Return what registers a function as a command."""
        return super().command(name, cls=Command, **settings)


class _Spoken(ClickCommand):
    """What a command and a group have in common."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        texts = {each: _said(settings.get(each)) for each in ("help", "epilog", "rich_help_panel")}
        super().__init__(*arguments, **settings | texts)
        self.options_metavar = tell(usage.OPTIONS)

    def get_params(self, ctx: Context) -> list[Parameter]:
        """Return the command's parameters and, before `--help`, `--lang`."""
        *own, help_ = super().get_params(ctx)
        return [*own, _lang(language()), help_]

    def format_usage(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write how the command is called."""
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), tell(usage.USAGE))

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the help."""
        usage.set_headings()
        for each in self.get_params(ctx):
            if isinstance(each, (TyperArgument, TyperOption)):
                each.help = _said(each.help)
        super().format_help(ctx, formatter)


class Command(_Spoken, TyperCommand):
    """A command."""


class Group(_Spoken, TyperGroup):
    """A command that has others below it."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.subcommand_metavar = tell(usage.COMMAND)

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Return what is left for the command below; with a language and nothing else, show the help, as with nothing at all."""
        only_language = self.no_args_is_help and not without_language(args)
        rest = super().parse_args(ctx, args)
        if only_language and not ctx.resilient_parsing:
            raise NoArgsIsHelpError(ctx)
        return rest


def _said(text: str | None) -> str | None:
    """Return a text of the source in the language of this run."""
    return tell(Sentence(text)) if text else text


@lru_cache
def _lang(_language: str) -> Parameter:
    """Return the option `--lang`, made by Typer from a function like any other, once for each language its help is shown in."""
    app = typer.Typer(add_completion=False)
    app.command()(_takes_lang)
    (option,) = typer.main.get_command(app).params
    return option


def _takes_lang(
    lang: Annotated[
        Language | None,
        typer.Option(
            help="Language of everything that is said; without it, that of SOP_LANG, LC_ALL, LC_MESSAGES or LANG.",
            show_default=False,
            expose_value=False,
        ),
    ] = None,
) -> None:
    """Do nothing: the language is known before the commands are made."""
