"""The basis of a plan: what makes it void, and what is only worth a warning."""

from __future__ import annotations

import pytest

from engine.core.errors import BasisChanged
from engine.core.rollout.basis import Basis, digest
from engine.core.sentence import Sentence
from tests.support.said import untranslated

IN_FORCE = {"engine.yaml": digest("e"), "sops/lead.yaml": digest("1")}
PLANNED = IN_FORCE | {"sops/lead.yaml": digest("2")}
BY = Sentence("applied by {who} at {time} UTC", who="`li`", time="12:00")
BASIS = Basis(generation=3, in_force=IN_FORCE, planned=PLANNED, in_flight={"lead": 200, "small": 5})


def test_what_is_as_it_was_is_let_through() -> None:
    BASIS.check(3, IN_FORCE, PLANNED, BY)


@pytest.mark.parametrize(
    ("generation", "in_force", "planned", "said"),
    [
        (4, IN_FORCE, PLANNED, r"made on generation 3; now generation 4 is in force \(applied by `li`.*`sop versions` and plan again"),
        (3, IN_FORCE | {"sops/x.yaml": "0"}, PLANNED, r"made on another installation \(sops/x.yaml is new\).*Plan again here"),
        (3, IN_FORCE, PLANNED | {"sops/lead.yaml": digest("3")}, r"sops/lead.yaml has changed; nothing was changed. Plan again"),
        (3, IN_FORCE, {"engine.yaml": digest("e")}, r"sops/lead.yaml is gone"),
        (3, IN_FORCE, PLANNED | {f"sops/{n}.yaml": "0" for n in range(9)}, r"sops/4.yaml is new and 4 more"),
    ],
)  # fmt: skip
def test_what_is_not_is_refused_with_what_differs_and_the_remedy(
    generation: int, in_force: dict[str, str], planned: dict[str, str], said: str
) -> None:
    with pytest.raises(BasisChanged, match=said) as refused:
        BASIS.check(generation, in_force, planned, BY)
    assert untranslated(refused.value.message) == []


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        ({"lead": 200, "small": 5}, []),
        ({"lead": 220, "small": 15}, []),
        ({"lead": 221, "small": 5}, [("lead", 200, 221)]),
        ({"lead": 179}, [("lead", 200, 179)]),
        ({"lead": 200, "small": 16, "new": 11}, [("new", 0, 11), ("small", 5, 16)]),
    ],
)
def test_counts_matter_beyond_a_tenth_and_ten(now: dict[str, int], moved: list[tuple[str, int, int]]) -> None:
    assert list(BASIS.moved(now)) == moved


def test_it_is_written_and_read_again() -> None:
    assert Basis.model_validate_json(BASIS.model_dump_json()) == BASIS
