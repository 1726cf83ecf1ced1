"""Migrated, empty databases: made from a template, and emptied for the next test, which is much quicker than making another."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.engine import make_url

_RENAME_TRIES = 5

_DISCONNECT = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s"

_EMPTY = """
do $$
declare
    filled text;
begin
    for filled in select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> all ('{kept}')
    loop
        execute format('select %L where exists (select from %I)', filled, filled) into filled;
        if filled is not null then
            execute format('truncate %I cascade', filled);
        end if;
    end loop;
    perform setval(seqrelid, seqstart, false) from pg_sequence where pg_sequence_last_value(seqrelid) is not null;
end $$
"""

_STATE = """
select (select array_agg(c.* order by c.oid) from (select oid, relname, relkind, reloptions, relhasrules, relhastriggers from pg_class
        where oid >= 16384 and relkind in ('r', 'v', 'i', 'S')) c)::text,
       (select array[count(*), max(xmin::text::bigint)] from pg_attribute where attrelid >= 16384),
       (select array[count(*), max(xmin::text::bigint)] from pg_attrdef),
       (select array[count(*), max(xmin::text::bigint)] from pg_constraint),
       (select array[count(*), max(xmin::text::bigint)] from pg_trigger),
       (select array[count(*), max(xmin::text::bigint)] from pg_proc),
       (select array[count(*), max(xmin::text::bigint)] from pg_namespace),
       (select count(*) from pg_statistic where starelid >= 16384),
       (select array_agg(setconfig::text) from pg_db_role_setting join pg_database on setdatabase = pg_database.oid
        where datname = current_database()),
       (select count(*) from pg_sequence where pg_sequence_last_value(seqrelid) is not null)
"""
"""What tells whether a database is as it was made: what is defined in it, what the planner was told of its rows, its settings."""


class Databases:
    """Databases of one server, each used by one test at a time and under a name that no earlier test knew.

    A test may leave a process or thread behind that connects anew: it finds no database of the name it has. What a test has
    changed other than by rows (a table, a trigger, a setting, statistics) is not mended; such a database is dropped.

    Parameters:
        url: the server's, with any database but the template.
        template: name of the database to copy.
    """

    def __init__(self, url: str, template: str) -> None:
        self._url, self._template = make_url(url), template
        self._server = self._connected(self._url.database)
        self._numbers = itertools.count(1)
        self._free: list[str] = []
        with self._connected(template) as connection:
            tables = (
                "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"
            )
            self._tables = [str(name) for (name,) in connection.execute(tables).fetchall()]
            self._kept = [name for name in self._tables if self._rows(connection, name)]
            self._state_as_made = self._state(connection)

    def take(self) -> str:
        """Return the name of an empty database."""
        if self._free:
            return self._free.pop()
        name = self._next_name()
        self._server.execute(f'create database "{name}" template "{self._template}"')
        return name

    def give_back(self, name: str) -> None:
        """Take a database back with whatever is in it, and whoever is connected to it."""
        emptied = self._renamed(name)
        if emptied is None or not self._emptied(emptied):
            self._drop(emptied or name)
        else:
            self._free.append(emptied)

    @contextmanager
    def one(self) -> Iterator[str]:
        """Yield the URL of an empty database, as SQLAlchemy takes it, and take it back."""
        name = self.take()
        try:
            yield self._url.set(database=name).render_as_string(hide_password=False)
        finally:
            self.give_back(name)

    def close(self) -> None:
        """Drop what was given back."""
        for name in self._free:
            self._drop(name)
        self._server.close()

    def _renamed(self, name: str) -> str | None:
        """Give it another name, which ends every session; return that, None where somebody connects again and again."""
        new = self._next_name()
        for _ in range(_RENAME_TRIES):
            self._server.execute(_DISCONNECT, [name])
            try:
                self._server.execute(f'alter database "{name}" rename to "{new}"')
            except psycopg.errors.ObjectInUse:
                continue
            return new
        return None

    def _emptied(self, name: str) -> bool:
        """Return whether it could be made what a new one is."""
        try:
            with self._connected(name) as connection:
                connection.execute(_EMPTY.format(kept="{" + ",".join(self._kept) + "}"))
                return self._state(connection) == self._state_as_made
        except psycopg.Error:
            return False

    def _state(self, connection: psycopg.Connection) -> list[object]:
        kept = [self._rows(connection, name) for name in self._kept]
        filled = " union all ".join(f'select exists (select from "{name}")' for name in self._tables)
        return [connection.execute(_STATE).fetchone(), kept, connection.execute(filled).fetchall()]

    def _rows(self, connection: psycopg.Connection, table: str) -> list[tuple[str]]:
        return connection.execute(f'select t::text from "{table}" t order by 1').fetchall()

    def _drop(self, name: str) -> None:
        self._server.execute(f'drop database "{name}" with (force)')

    def _next_name(self) -> str:
        return f"sop_test_{os.getpid()}_{next(self._numbers)}"

    def _connected(self, database: str | None) -> psycopg.Connection:
        url = self._url.set(drivername="postgresql", database=database)
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True, prepare_threshold=None)
