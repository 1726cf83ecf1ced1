"""A customer described in YAML, for a simulation: text to events, with a place in every problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.core.definitions.catalog import Definitions
from engine.core.problems import Level, Loc, Problem
from engine.core.sentence import Sentence
from engine.core.simulation.customer_profile import CustomerProfile, ProfileEvents, profile_to_events
from engine.definitions_yaml.nodes import Node
from engine.definitions_yaml.reading import Refused, decode, read
from engine.definitions_yaml.validating import validate


@dataclass(frozen=True, slots=True)
class ReadCustomer:
    """What a description comes to."""

    cast: ProfileEvents | None
    """None where something is wrong."""
    problems: list[Problem] = field(default_factory=list)


def read_customer(data: bytes, file: str, definitions: Definitions, now: datetime) -> ReadCustomer:
    """Return the customer that a YAML file describes, or everything that is wrong with it.

    Parameters:
        file: what the file is called in problems.
        now: when the simulation begins where the description does not say.
    """
    try:
        root, problems = read(decode(data), file)
    except Refused as error:
        return ReadCustomer(None, [Problem(error.message, file=file, line=error.line, column=error.column)])
    if root is None or problems:
        return ReadCustomer(None, problems)
    described, problems = validate(CustomerProfile, root, file)
    if described is None:
        return ReadCustomer(None, problems)
    done = profile_to_events(described, definitions, now)
    every = [*_placed(done.problems, root, file, "error"), *_placed(done.warnings, root, file, "warning")]
    return ReadCustomer(None if done.problems else done, sorted(every, key=lambda each: (each.line, each.column)))


def _placed(mistakes: Sequence[tuple[Loc, Sentence]], root: Node, file: str, level: Level) -> list[Problem]:
    return [
        Problem(
            message,
            "/".join(map(str, loc)),
            file,
            *root.place(loc, key=level == "warning"),
            level=level,
        )
        for loc, message in mistakes
    ]
