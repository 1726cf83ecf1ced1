"""`sop apply`: definitions are put in force, as planned or not at all."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from engine import definitions_yaml
from engine.cli import panels, session
from engine.cli.definitions import folder as folders
from engine.cli.definitions import plan as plans
from engine.cli.definitions.folder import Folder
from engine.cli.definitions.plan import Generation
from engine.cli.language import language, tell
from engine.cli.session import AsJson
from engine.cli.views import plan as view
from engine.cli.views.output import agreed, as_json, note, on_terminal, say
from engine.core.errors import SopError
from engine.core.rollout.basis import Basis
from engine.core.sentence import Sentence
from engine.messages.story import StoryFormatter
from engine.services.rollout.apply import Applied
from engine.services.rollout.plan_apply import Target
from engine.services.scheduled.rebase_clocks import Progress
from engine.wiring import Wiring


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=panels.DEFINITIONS)(apply)


def apply(
    directory: Folder = None,
    version: Generation = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Apply exactly what `sop plan --out FILE` planned, or nothing.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, even if timelines end.")] = False,
    json_: AsJson = False,
) -> None:
    """Check definitions and put them in force, as new immutable versions. Running workers take them up by themselves.

    Nothing changes if there is an error. An SOP whose file is gone ends its timelines; on a terminal, you are asked first.
    `--version N` goes back to an earlier generation, as a new one.

    Example: sop apply my_sops; sop apply --plan plan.json; sop apply --version 3
    """
    parts = session.wiring()
    basis: Basis | None = None
    if plan is not None:
        directory, version, basis = _planned(plan, directory, version)
    if version is not None:
        name, target = tell(Sentence("generation {number}", number=version)), parts.apply_planner.generation(version)
    else:
        name, target = _checked(directory, json_)
    if basis is None and on_terminal() and not json_:
        basis = _asked(parts, target, StoryFormatter(language(), None), yes)
    if version is not None and basis is None:
        basis = parts.apply_planner.basis(target)
    done = parts.definition_applier.apply(target.sources, f"cli:{_user()}", basis)
    if done.clocks_differ:
        parts.clock_rebaser.run(progress=_quiet if json_ else _told())
    warnings = target.loaded.warnings
    if json_:
        as_json({"applied": True, **_applied(done), "problems": [folders.problem_as_dict(each) for each in warnings]})
        return
    if warnings:
        note(definitions_yaml.render_problems(warnings))
    _tell(name, done, StoryFormatter(language(), None))


def _checked(directory: Path | None, json_: bool) -> tuple[str, Target]:
    """Return a folder's definitions; where they have an error, say so and end."""
    path, loaded = folders.read(directory)
    if loaded.errors:
        if json_:
            as_json({"applied": False, "problems": [folders.problem_as_dict(each) for each in loaded.problems]})
        else:
            say(definitions_yaml.render_problems(loaded.problems))
            note(
                Sentence.counted(
                    "{path}: not applied, nothing has changed; correct the {number:,} error above",
                    "{path}: not applied, nothing has changed; correct the {number:,} errors above",
                    len(loaded.errors),
                    path=path,
                )
            )
        raise typer.Exit(1)
    return str(path), Target(folders.sources(loaded), loaded)


def _planned(file: Path, directory: Path | None, version: int | None) -> tuple[Path | None, int | None, Basis]:
    """Return what a plan is about: the folder (the one named, else where it was) or the generation, and its basis."""
    if version is not None:
        raise SopError(Sentence("name --plan or --version, not both: the plan knows its version"))
    folder, basis = plans.read(file)
    if basis.back_to is not None and directory is not None:
        raise SopError(
            Sentence(
                "`{file}` plans to go back to generation {number}; name no folder", file=file, number=basis.back_to
            )
        )
    return directory or folder, basis.back_to, basis


def _asked(parts: Wiring, target: Target, words: StoryFormatter, yes: bool) -> Basis | None:
    """Show what would change, and ask where timelines end or SOPs are removed; return what that was said on.

    Ends the command where the answer is no.
    """
    found = parts.apply_planner.plan(target, days=None)
    if not found.differences:
        return None
    view.show_head(found, words)
    view.show_summary(found, words)
    say("")
    removed = [each.name for each in found.differences if each.kind == "removed"]
    if (found.ending or removed) and not yes:
        phrase = (
            Sentence("{number} timelines end. Go on?") if found.ending else Sentence("{sops} will be removed. Go on?")
        )
        if not agreed(words.say(phrase, number=found.ending, sops=words.listed(removed))):
            note(words.say("not applied; nothing has changed"))
            raise typer.Exit(1)
    return found.basis


def _tell(path: str, done: Applied, words: StoryFormatter) -> None:
    for sop, then, now in done.moved:
        note(words.say("{sop} has {now} timelines in flight now; the plan counted {then}", sop=sop, then=then, now=now))
    if not done.changed:
        say(
            words.say(
                "{path}: in force already as generation {generation}; nothing changed",
                path=path,
                generation=done.generation,
            )
        )
        return
    for name in done.new:
        became = Sentence.within("definition", "new") if name in done.added else Sentence("changed")
        say(f"{name}\tv{done.versions[name]}\t{words.say(became)}")
    for name in done.removed:
        say(f"{name}\t\t" + words.say("removed, its timelines end"))
    note(words.say("{path}: in force as generation {generation}", path=path, generation=done.generation))


def _quiet(done: int, last: int) -> None:
    """Say nothing."""


def _told() -> Progress:
    """Return what says, every second at most, how far setting the clocks anew has come. Interrupted, the workers go on with it."""
    next_at = time.monotonic() + 1

    def told(done: int, last: int) -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + 1
            note(Sentence("clocks set anew: {percent} % of the customers", percent=100 * done // max(last, 1)))

    return told


def _applied(done: Applied) -> dict[str, Any]:
    return {
        "generation": done.generation, "changed": done.changed, "versions": done.versions, "new": done.new, "removed": done.removed,
        "moved": [{"sop": sop, "then": then, "now": now} for sop, then, now in done.moved],
    }  # fmt: skip


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
