"""`python -m engine.messages.update`: brings the Chinese catalogue up to date with the source, and compiles it.

Sentences that are new come in without a Chinese one, those that nobody says any more go. Made with Babel, which comes
with the extra `test`; the engine itself only reads the compiled catalogue.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from engine.messages.extract import Extracted, extracted
from engine.messages.languages import DOMAIN, LOCALE

_Texts = Mapping[tuple[str | None, str], str]
"""Chinese texts by context and msgid."""

PO = LOCALE / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po"
MO = PO.with_suffix(".mo")

_HEADER = """\
# What the engine says, in Chinese.
# Edit the msgstr lines, then run `python -m engine.messages.update`, which compiles sop.mo of it."""


def catalogue() -> Catalog:
    """Return the Chinese catalogue as it stands in the .po."""
    with PO.open("rb") as file:
        return read_po(file, locale="zh", domain=DOMAIN)


def updated(found: Iterable[Extracted], old: Catalog, given: _Texts | None = None) -> Catalog:
    """Return a catalogue of all sentences found, with the Chinese ones that the old one has, or that are given.

    Parameters:
        given: texts that win over the old ones
    """
    new = Catalog(locale="zh", domain=DOMAIN, header_comment=_HEADER, project="sop-engine", version="1")
    new.creation_date = new.revision_date = old.creation_date
    files: dict[tuple[str | None, str], list[str]] = {}
    for each in found:
        files.setdefault((each.context, each.msgid), []).append(each.file)
    for each in found:
        places = [(name, 0) for name in sorted(set(files[each.context, each.msgid]))]
        before = old.get(each.msgid, each.context)
        said = (given or {}).get((each.context, each.msgid)) or (_only(before) if before else "")
        if each.many:
            new.add((each.msgid, each.many), (said,), locations=places, context=each.context)
        else:
            new.add(each.msgid, said, locations=places, context=each.context)
    return new


def _only(message: Message) -> str:
    """Return the Chinese of a sentence: Chinese has one form for one and for several."""
    return "".join(message.string or ())


def po_text(catalog: Catalog) -> bytes:
    """Return a catalogue as the .po holds it: sorted by file, without line numbers, so that a change shows what changed."""
    made = io.BytesIO()
    write_po(made, catalog, width=120, include_lineno=False, sort_by_file=True, omit_header=False)
    return made.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """Return a catalogue compiled."""
    made = io.BytesIO()
    write_mo(made, catalog)
    return made.getvalue()


def _given(paths: Iterable[str]) -> dict[tuple[str | None, str], str]:
    """Return Chinese texts from JSON files: lists of {"msgid": …, "context": …, "zh": …}."""
    entries = [entry for path in paths for entry in json.loads(Path(path).read_text("utf-8"))]
    return {(entry.get("context"), entry["msgid"]): entry["zh"] for entry in entries}


def main(arguments: list[str]) -> int:
    """Update and compile; say how many sentences lack a Chinese one, which is the exit code 1."""
    found = extracted()
    new = updated(found, catalogue(), _given(arguments))
    PO.write_bytes(po_text(new))
    MO.write_bytes(mo_bytes(new))
    lacking = [each for each in new if each.id and not _only(each)]
    for each in lacking:
        print(f"{each.locations[0][0] if each.locations else '?'}: {each.id!r}")  # noqa: T201
    print(f"{len(new)} sentences, {len(lacking)} without Chinese")  # noqa: T201
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
