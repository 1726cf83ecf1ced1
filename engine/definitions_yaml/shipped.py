"""Where the definitions lie that come with the engine."""

from __future__ import annotations

from pathlib import Path

from engine.core.errors import InstallationError
from engine.core.sentence import Sentence

_PACKAGE = Path(__file__).parents[1]


def shipped_definitions() -> Path:
    """Return the folder of the example definitions: packaged with the engine, or at the top of the checkout.

    Raises InstallationError where the package was built without them.
    """
    for folder in (_PACKAGE / "_shipped" / "sop_definitions", _PACKAGE.parent / "sop_definitions"):
        if (folder / "engine.yaml").is_file():
            return folder
    raise InstallationError(
        Sentence("the example definitions are missing from this installation; install sop-engine again")
    )
