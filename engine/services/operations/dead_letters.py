"""Dead letters: what could not be matched, tried anew or discarded by hand."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from engine.core.errors import NotFound, SopError
from engine.core.sentence import Sentence
from engine.runtime import Runtime
from engine.store.database import Row, retrying, transaction
from engine.store.operations import audit
from engine.store.operations import dead_letters as store

log = structlog.get_logger()


class DeadLetters:
    """Lists dead letters, and ends them."""

    def __init__(self, runtime: Runtime) -> None:
        self._engine, self._clock, self._hints = runtime.engine, runtime.clock, runtime.hints

    def newest(self, limit: int = 50) -> list[Row]:
        """Return the newest dead letters, oldest first: id, kind, subject, error, at, and their event."""
        with transaction(self._engine) as connection:
            return store.listed(connection, limit)

    def replay(self, letter: int, who: str) -> int:
        """Let the matcher come to a dead letter's event again, audited; return the event's place in the inbox.

        Raises NotFound for an id that no dead letter has, SopError for one that cannot be replayed.
        """
        row = retrying(self._engine, lambda connection: self._replay(connection, letter, who))
        self._hints.look_at([row.subject])
        log.info("dead_letter.replayed", letter=letter, row=int(row.ref))
        return int(row.ref)

    def discard(self, letter: int, who: str) -> None:
        """Take a dead letter away, audited; its event stays in the inbox as what it is. Raises NotFound."""
        retrying(self._engine, lambda connection: self._end(connection, letter, who, "dead_letter.discard"))
        log.info("dead_letter.discarded", letter=letter)

    def _replay(self, connection: Connection, letter: int, who: str) -> Row:
        row = self._end(connection, letter, who, "dead_letter.replay")
        if row.kind != "event":
            raise SopError(
                Sentence(
                    "dead letter {letter} is a loop that was cut, not an event that failed: correct the SOPs named in it "
                    "({error}), apply, and discard it",
                    letter=letter,
                    error=row.error,
                )
            )
        if not store.match_anew(connection, int(row.ref)):
            raise SopError(
                Sentence(
                    "the event of dead letter {letter} is no longer there; post it again, and discard this",
                    letter=letter,
                )
            )
        return row

    def _end(self, connection: Connection, letter: int, who: str, action: str) -> Row:
        row = store.lock(connection, letter)
        if row is None:
            there = store.known_ids(connection)[:10] or Sentence.within("ids", "none")
            raise NotFound(
                Sentence("no dead letter has the id {letter}; there are {there}", letter=letter, there=there)
            )
        store.remove(connection, letter)
        detail = {"letter": letter, "kind": row.kind, "ref": row.ref, "customer": row.subject, "error": row.error}
        audit.add(connection, self._clock.now(), who, action, detail)
        return row
