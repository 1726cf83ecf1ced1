"""`python -m engine.messages`: everything the engine can say, in both languages, filled in with sample values, to be read in one go."""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterator

from engine.core.sentence import Sentence
from engine.messages.extract import Extracted, extracted
from engine.messages.languages import tell

_SPEC = re.compile(r"[,.\d\w%:-]*")

_SAMPLES: dict[str, object] = {
    "sop": "xin-ke", "step": "d3", "customer": "C-1024", "ref": "C-1024", "channel": "wecom", "number": 3, "days": 30,
    "version": 2, "time": "2026-03-08 10:00", "at": "2026-03-08 10:00", "due": "2026-03-08 10:00", "until": "2026-03-09 09:00",
    "since": "2026-03-01 00:00", "title": "新客激活", "file": "sops/xin-ke.yaml", "path": "steps/2/message/text", "line": 12,
}  # fmt: skip
"""What sentences are filled in with; other values show their own name."""


def sample(each: Extracted) -> Sentence:
    """Return a sentence with sample values."""
    values = {name: _sample(name, spec) for name, spec in fields(each.msgid + (each.many or ""))}
    if each.many is not None:
        return Sentence.counted(
            each.msgid, each.many, 3, **{name: value for name, value in values.items() if name != "number"}
        )
    if each.context is not None:
        return Sentence.within(each.context, each.msgid, **values)
    return Sentence(each.msgid, **values)


def fields(pattern: str) -> list[tuple[str, str]]:
    """Return the values that a pattern names, each with how it is written; none where its braces are part of the text."""
    try:
        parsed = [(name, spec or "") for _, name, spec, _ in string.Formatter().parse(pattern) if name is not None]
    except ValueError:
        return []
    return (
        parsed if all(name.isidentifier() and name.islower() and _SPEC.fullmatch(spec) for name, spec in parsed) else []
    )


def _sample(name: str, spec: str) -> object:
    return _SAMPLES.get(name, 3 if spec else f"‹{name}›")


def lines() -> Iterator[str]:
    """Yield each sentence once: the file that says it, then its English and its Chinese."""
    seen: set[tuple[str | None, str]] = set()
    file = ""
    for each in extracted():
        if (each.context, each.msgid) in seen:
            continue
        seen.add((each.context, each.msgid))
        if each.file != file:
            file = each.file
            yield f"\n# {file}"
        said = sample(each)
        yield f"{said}\n  {tell(said, 'zh')}"


def main() -> int:
    """Print them all."""
    for each in lines():
        sys.stdout.write(each + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
