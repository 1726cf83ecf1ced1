"""What a newcomer reads and deploys says what the code does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from ruamel.yaml import YAML

from engine.channels import registry
from engine.core.definitions import Moment
from engine.core.reasons import Reason
from engine.core.timelines.states import TIMELINE_WAYS, TOUCH_WAYS
from engine.definitions_yaml import load, load_sources, render_problems
from engine.settings import Settings
from tests.support.places import ROOT

SOP = Path(sys.executable).parent / "sop"
READMES = ("README.md", "README.zh-CN.md")
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
CHANNEL_TYPES = {name: kind.config for name, kind in registry.TYPES.items()}
SETTINGS = {f"SOP_{name.upper()}": field for name, field in Settings.model_fields.items()}

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(page: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text, in order."""
    return [(found[1], found[2]) for found in _FENCE.finditer(read(page))]


@cache
def sop_help(*command: str) -> str:
    """What `sop … --help` prints; fails where there is no such command."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [str(SOP), *command, "--help"], capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    assert done.returncode == 0, f"`sop {' '.join(command)} --help` failed: {done.stderr[-2000:]}"
    return done.stdout


def commands() -> set[str]:
    """Every command that `sop --help` lists: the first word of its line."""
    return set(re.findall(r"^[│|\s]*([a-z][a-z-]*)(?=\s{2,}|\s*│|$)", sop_help(), re.MULTILINE))


def words(command: str) -> set[str]:
    """The words of a command's help text: what it may be followed by is among them."""
    return set(re.findall(r"[a-z][a-z-]*", sop_help(command)))


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────


def example_settings() -> dict[str, str]:
    lines = re.findall(r"^#([A-Z][A-Z_]*)=(.*)$", read(".env.example"), re.MULTILINE)
    return dict(lines)


def test_the_example_environment_lists_every_setting_and_no_other() -> None:
    listed = {name for name in example_settings() if name.startswith("SOP_")}
    assert listed == set(SETTINGS)


def test_every_line_of_the_example_environment_is_a_comment_so_copying_it_changes_nothing() -> None:
    assert [line for line in read(".env.example").splitlines() if line and not line.startswith("#")] == []


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_example_environment_shows_the_default(name: str) -> None:
    default, shown = SETTINGS[name].get_default(), example_settings()[name]
    computed = SETTINGS[name].default_factory is not None
    assert shown == ("" if default is None or computed else str(default))


def test_operations_describes_every_setting_and_no_other() -> None:
    rows = [line for line in read("docs/operations.md").splitlines() if line.startswith("| `SOP_")]
    described = {name for row in rows for name in re.findall(r"`(SOP_[A-Z_]+)`", row.split("|")[1])}
    assert described == set(SETTINGS)


# ── the compose file and the image ───────────────────────────────────────────────────────────────────────────


def compose() -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(read("docker-compose.yml")))


def engine_services() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose()["services"].items() if "build" in service}


ENGINE_SERVICES = sorted(engine_services())
ENDING = {"migrate", "definitions"}


def test_the_image_runs_sop_so_a_services_command_is_what_follows_it() -> None:
    assert 'ENTRYPOINT ["sop"]' in read("Dockerfile")
    assert [name for name, service in engine_services().items() if "entrypoint" in service] == []


@pytest.mark.parametrize("service", ENGINE_SERVICES)
def test_a_services_command_exists(service: str) -> None:
    name, *arguments = engine_services()[service]["command"]
    assert name in commands()
    assert {word for word in arguments if not word.startswith(("/", "-"))} <= words(name)


@pytest.mark.parametrize("service", sorted(set(ENGINE_SERVICES) - ENDING))
def test_a_running_service_has_a_health_check(service: str) -> None:
    test = engine_services()[service]["healthcheck"]["test"]
    assert test[0] == "CMD"
    if test[1] == "sop":
        assert test[2] in commands()
        assert set(test[3:]) <= words(test[2])
    else:
        assert test[1] == "python"
        compile(test[3], "healthcheck", "exec")


def test_services_wait_for_services_that_exist() -> None:
    services = compose()["services"]
    awaited = {name: service.get("depends_on", {}) for name, service in services.items()}
    assert {other for others in awaited.values() for other in others} <= set(services)
    for others in awaited.values():
        for other, how in others.items():
            assert how["condition"] == ("service_completed_successfully" if other in ENDING else "service_healthy")


def test_the_compose_file_sets_only_settings_there_are() -> None:
    set_there = {
        name for service in engine_services().values() for name in service["environment"] if name.startswith("SOP_")
    }
    assert {"SOP_DATABASE_URL", "SOP_REDIS_URL"} <= set_there <= set(SETTINGS)


def test_what_the_compose_file_takes_from_outside_is_in_the_example_environment() -> None:
    assert set(re.findall(r"\$\{([A-Z_]+)", "\n".join(_without_comments("docker-compose.yml")))) <= set(
        example_settings()
    )


def test_no_password_stands_in_the_compose_file() -> None:
    environments = [service.get("environment", {}) for service in compose()["services"].values()]
    passwords = [value for each in environments for name, value in each.items() if "PASS" in name]
    assert passwords
    assert all(value.startswith("${POSTGRES_PASSWORD:?") for value in passwords)


def _without_comments(name: str) -> list[str]:
    return [line for line in read(name).splitlines() if not line.lstrip().startswith("#")]


def test_the_image_is_built_from_what_it_copies() -> None:
    copied = {
        name
        for line in re.findall(r"^COPY (?!--)(.*)$", read("Dockerfile"), re.MULTILINE)
        for name in line.split()[:-1]
    }
    kept = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    assert copied == kept
    assert [name for name in copied if not (ROOT / name).exists()] == []


# ── the readme ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", READMES)
def test_the_first_two_blocks_are_the_command_to_see_it_and_the_command_to_test_it(page: str) -> None:
    (_, demo), (_, tests) = blocks(page)[:2]
    assert demo.count("\n") == tests.count("\n") == 1
    assert demo.startswith("python3.11 -m venv .venv && ")
    assert demo.endswith(" && .venv/bin/sop demo\n")
    assert tests.startswith("python3.11 -m venv .venv && ")
    assert tests.endswith(" && .venv/bin/python -m pytest -q\n")


def test_both_readmes_show_the_same_first_commands() -> None:
    assert blocks("README.md")[:2] == blocks("README.zh-CN.md")[:2]


def test_the_checks_run_the_readmes_second_block() -> None:
    script = read(".ci/run")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    program = re.search(r"awk '(.*?)' README\.md", script)
    assert program is not None
    found = subprocess.run(["awk", program[1], "README.md"], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout == blocks("README.md")[1][1]


@pytest.mark.parametrize("page", [*READMES, "docs/operations.md"])
def test_commands_shown_exist(page: str) -> None:
    shown = {
        name for language, text in blocks(page) if language == "sh" for name in re.findall(r"\bsop ([a-z-]+)", text)
    }
    assert shown <= commands()


# ── definitions shown and shipped ────────────────────────────────────────────────────────────────────────────


def shipped_engine() -> str:
    return read("sop_definitions/engine.yaml")


def test_the_shipped_definitions_have_no_problem() -> None:
    loaded = load(ROOT / "sop_definitions", CHANNEL_TYPES)
    assert render_problems(loaded.problems) == ""
    assert {"renovation-lead", "new-friend", "booking"} <= set(loaded.sops)


def test_the_shipped_channel_can_be_replaced_by_the_one_beside_it() -> None:
    lines = shipped_engine().splitlines()
    used = next(line for line in lines if line.startswith("  crm: "))
    beside = next(line for line in lines if line.startswith("  # crm: "))
    changed = shipped_engine().replace(used, beside.replace("# ", "", 1))
    sops = {
        f"sops/{path.name}": path.read_text(encoding="utf-8")
        for path in (ROOT / "sop_definitions" / "sops").glob("*.yaml")
    }
    segments = (ROOT / "sop_definitions" / "segments.yaml").read_text(encoding="utf-8")
    loaded = load_sources({"engine.yaml": changed, "segments.yaml": segments, **sops}, CHANNEL_TYPES)
    assert render_problems(loaded.problems) == ""
    assert loaded.engine is not None
    assert loaded.engine.channels["crm"]["type"] == "webhook"


def shown_sops() -> list[Any]:
    pages = (*READMES, "docs/definitions.md")
    found = [
        (page, text)
        for page in pages
        for language, text in blocks(page)
        if language == "yaml" and text.startswith("sop:")
    ]
    return [pytest.param(text, id=f"{page}-{number}") for number, (page, text) in enumerate(found)]


@pytest.mark.parametrize("text", shown_sops())
def test_an_sop_shown_in_the_documentation_is_accepted(text: str) -> None:
    booking = read("sop_definitions/sops/booking.yaml")
    loaded = load_sources(
        {"engine.yaml": shipped_engine(), "sops/shown.yaml": text, "sops/booking.yaml": booking}, CHANNEL_TYPES
    )
    assert render_problems(loaded.errors) == ""


def test_every_moment_is_documented() -> None:
    page = read("docs/definitions.md")
    assert [name for name in Moment.keys() if f"`{name}" not in page] == []  # noqa: SIM118  # a method of the model


def test_reasons_named_in_the_documentation_exist() -> None:
    section = read("docs/definitions.md").split("**When a step does not go out**")[1].split("**Never later")[0]
    named = {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert named
    assert named <= {str(reason) for reason in Reason}


# ── states ───────────────────────────────────────────────────────────────────────────────────────────────────


def drawn(number: int) -> set[tuple[str, str]]:
    text = [text for language, text in blocks("docs/states.md") if language == "mermaid"][number]
    return {(a, b) for a, b in re.findall(r"^\s+(\w+) --> (\w+)", text, re.MULTILINE)}


@pytest.mark.parametrize(("number", "ways"), [(0, TIMELINE_WAYS), (1, TOUCH_WAYS)], ids=["timeline", "touch"])
def test_the_diagrams_draw_the_ways_there_are(number: int, ways: dict[str, frozenset[str]]) -> None:
    assert drawn(number) == {(before, after) for before, afters in ways.items() for after in afters}


# ── links and constraints ────────────────────────────────────────────────────────────────────────────────────


def anchors(text: str) -> set[str]:
    """The anchors that headings of a page get on GitHub."""
    headings = re.findall(r"^#+ (.+)$", re.sub(_FENCE, "", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: str) -> list[str]:
    prose = re.sub(r"`[^`\n]*`", "", re.sub(_FENCE, "", read(page)))
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in link]


@pytest.mark.parametrize("page", PAGES)
def test_internal_links_resolve(page: str) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert broken == []


def linked_from(page: str) -> set[Path]:
    return {((ROOT / page).parent / link.partition("#")[0]).resolve() for link in links(page)}


def test_every_page_is_reached_from_the_index() -> None:
    """Directly, or by the index of its folder."""
    linked = linked_from("docs/README.md")
    for index in [path for path in linked if path.name == "README.md" and path.is_relative_to(ROOT / "docs")]:
        linked |= linked_from(index.relative_to(ROOT).as_posix())
    pages = {path.resolve() for path in (ROOT / "docs").rglob("*.md")} - {(ROOT / "docs" / "README.md").resolve()}
    assert sorted(path.name for path in pages - linked) == []


def test_constraints_hold_names_and_versions_only() -> None:
    lines = read("constraints.txt").splitlines()
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.!+]*", line)] == []
