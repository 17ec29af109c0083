"""Pseudonyms: a random id for each person, so that the warehouse never learns a name. Erasing a row forgets the person."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from roomleft.errors import StoreError
from warehouse.state.audit import record
from warehouse.state.database import StateDb
from warehouse.state.models import PseudonymRow

CHUNK = 1_000
CACHE_PEOPLE = 200_000
LONGEST = 500
CACHE_LIFETIME = timedelta(minutes=1)
"""How long another process may go on using the pseudonym of somebody who was just forgotten."""


class _Known:
    """The pseudonyms that a process knows of one database, whoever asks: somebody forgotten through one door is so through every other."""

    def __init__(self, fresh_until: datetime) -> None:
        self.lock = threading.Lock()
        self.cache: dict[str, str] = {}
        self.fresh_until = fresh_until


_known: WeakKeyDictionary[StateDb, _Known] = WeakKeyDictionary()
_known_lock = threading.Lock()


class Pseudonyms:
    """Person as the platform names them ↔ random id, one to one, the same for every process. Safe to share by threads."""

    def __init__(self, db: StateDb) -> None:
        self._db = db
        with _known_lock:
            self._shared = _known.setdefault(db, _Known(db.clock.now() + CACHE_LIFETIME))

    def of(self, people: Iterable[str]) -> dict[str, str]:
        """The pseudonym of each person, made on first sight. Two processes that meet somebody together agree on one."""
        wanted = {person: _storable(person) for person in people}
        with self._shared.lock:
            now, cache = self._db.clock.now(), self._shared.cache
            if now >= self._shared.fresh_until or len(cache) > CACHE_PEOPLE:
                cache.clear()
                self._shared.fresh_until = now + CACHE_LIFETIME
            # Sorted, because two transactions that insert the same people in different orders would wait for each other.
            missing = sorted(set(wanted.values()) - cache.keys())
            for first in range(0, len(missing), CHUNK):
                cache.update(self._fetch(missing[first : first + CHUNK]))
            return {person: cache[stored] for person, stored in wanted.items()}

    def of_known(self, person: str) -> str | None:
        """The pseudonym of a person who has one; None for anybody else. Asking makes none."""
        stored = _storable(person)
        return self._known([stored]).get(stored)

    def people(self, pseudonyms: Sequence[str]) -> dict[str, str]:
        """The person behind each pseudonym; one that is unknown or forgotten is left out."""
        found: dict[str, str] = {}
        ids = list(dict.fromkeys(pseudonyms))
        with self._db.read() as connection:
            for first in range(0, len(ids), CHUNK):
                rows = connection.execute(
                    select(PseudonymRow.pseudonym, PseudonymRow.person).where(
                        PseudonymRow.pseudonym.in_(ids[first : first + CHUNK])
                    )
                )
                found.update((pseudonym, person) for pseudonym, person in rows)
        return found

    def forget(self, person: str, by: str = "local") -> str | None:
        """Erase the link between a person and their pseudonym; the pseudonym, for clearing the warehouse, or None if unknown.

        Should the platform name the person again they get a new, unrelated pseudonym.
        """
        stored = _storable(person)
        with self._shared.lock:
            with self._db.write() as connection:
                pseudonym = connection.execute(
                    delete(PseudonymRow).where(PseudonymRow.person == stored).returning(PseudonymRow.pseudonym)
                ).scalar_one_or_none()
                if pseudonym is not None:
                    # Without the pseudonym, which would tell whose rows are those of somebody known to have gone that day.
                    record(connection, self._db.clock.now(), by, "forgot a user")
            self._shared.cache.pop(stored, None)
        return pseudonym

    def _fetch(self, people: list[str]) -> dict[str, str]:
        found = self._known(people)
        for _ in range(3):  # a second round only if a new id was already somebody's: once in 2^64
            new = [person for person in people if person not in found]
            if not new:
                return found
            self._insert(new)
            found |= self._known(new)
        raise StoreError("pseudonyms could not be made", self._db.where, "check that the pseudonyms table can be written")

    def _known(self, people: list[str]) -> dict[str, str]:
        with self._db.read() as connection:
            rows = connection.execute(select(PseudonymRow.person, PseudonymRow.pseudonym).where(PseudonymRow.person.in_(people)))
            return {person: pseudonym for person, pseudonym in rows}  # noqa: C416 — dict() loses the row's types

    def _insert(self, people: list[str]) -> None:
        now = self._db.clock.now()
        values = [{"person": person, "pseudonym": f"u_{secrets.token_hex(8)}", "created_at": now} for person in people]
        insert = sqlite.insert if self._db.is_sqlite else postgresql.insert
        with self._db.write() as connection:
            connection.execute(insert(PseudonymRow).values(values).on_conflict_do_nothing())


def _storable(person: str) -> str:
    """The name as both databases can keep and index it. PostgreSQL takes no NUL, and no key longer than a third of a page."""
    plain = person.replace("\0", "\ufffd")
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[:100]}… sha256:{hashlib.sha256(plain.encode()).hexdigest()}"
