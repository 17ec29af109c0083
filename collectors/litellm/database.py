"""A LiteLLM proxy's spend logs from its own PostgreSQL table, a page at a time, by one short read-only connection a look.

The columns that hold what was asked and answered are not read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import errors

from collectors.litellm.sweep import Place, place_of, taken_of
from collectors.own_network import OwnNetwork, is_unreachable
from collectors.postgres.session import Address, Session, address_of, identifier, refusal, session
from collectors.taken import Position, Taken
from roomleft.errors import CollectError
from roomleft.packs import Pack
from roomleft.packs_sources import LitellmPostgresSource

TABLE = "LiteLLM_SpendLogs"
PAGE_ROWS = 2000
NEEDED = ("request_id", "startTime")
WANTED = (
    *NEEDED, "call_type", "api_key", "spend", "total_tokens", "prompt_tokens", "completion_tokens", "endTime", "completionStartTime", "model",
    "model_group", "custom_llm_provider", "user", "metadata", "cache_hit", "request_tags", "team_id", "organization_id", "end_user", "status",
    "litellm_call_id",
)  # fmt: skip
WHERE = """
SELECT n.nspname AS name, c.oid AS oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = %(table)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY n.nspname <> 'public', n.nspname LIMIT 1
"""
COLUMNS = """
SELECT attname AS name, format_type(atttypid, NULL) AS kind FROM pg_attribute WHERE attrelid = %(oid)s AND attnum > 0 AND NOT attisdropped
"""


class LitellmDatabase:
    """Reads the spend logs of one database, in the order of (startTime, request_id)."""

    kind = "litellm-postgres"

    def __init__(self, pack: Pack, entry: LitellmPostgresSource, secret: str | None, network: OwnNetwork | None = None) -> None:
        self.platform, self.component = pack.slug, entry.component
        self.source = f"{pack.slug}.{entry.name}"
        self.interval = entry.interval
        self._pack, self._entry, self._secret = pack, entry, secret
        self._network = network or OwnNetwork()

    def take(self, now: datetime, position: Position | None) -> Taken:
        """Read one page and say how far it came."""
        try:
            address = address_of(self._entry.url)
        except CollectError as error:
            return Taken(error=error)
        place = place_of(position, now, back_fill=self._entry.back_fill, overlap=self._entry.overlap)
        try:
            with session(self._entry.url, self._secret, self._entry.password_env, self._entry.timeout.total_seconds()) as opened:
                rows = _page(opened, address, place)
        except CollectError as error:
            lost = self._network.unreached(address.host, address.port, now) if is_unreachable(error) else ""
            return Taken(unknown=lost) if lost else Taken(error=error)
        except psycopg.Error as error:
            return Taken(error=refusal(error, address.where))
        self._network.answered(address.host, address.port, now)
        more = len(rows) == PAGE_ROWS
        ahead = replace(place, at=_utc(rows[-1]["startTime"]), after=rows[-1]["request_id"]) if rows else place
        return taken_of(rows, ahead, position, pack=self._pack, source=self.source, now=now, more=more)


def _page(opened: Session, address: Address, place: Place) -> list[dict[str, Any]]:
    """The next rows after a place. Raises CollectError where the table is not there or may not be read, psycopg.Error otherwise."""
    found = opened.rows(WHERE, {"table": TABLE})
    kinds = {row["name"]: row["kind"] for row in opened.rows(COLUMNS, {"oid": found[0]["oid"]})} if found else {}
    if not found or any(name not in kinds for name in NEEDED):
        raise CollectError(
            f"it has no table {TABLE} with {' and '.join(NEEDED)}",
            address.where,
            "give the database that LiteLLM's DATABASE_URL names",
            retryable=False,
        )
    chosen = ", ".join(f'"{name}"' for name in WANTED if name in kinds)
    # A column without a zone holds UTC, and is compared with a time without one.
    bare = "without" in kinds["startTime"]
    at, until = ((time.astimezone(UTC).replace(tzinfo=None) if bare else time) for time in (place.at, place.until))
    schema = identifier(found[0]["name"])
    table = f'{schema}."{TABLE}"'
    try:
        return opened.rows(
            f'SELECT {chosen} FROM {table} WHERE ("startTime", "request_id") > (%(at)s, %(after)s) AND "startTime" < %(until)s'
            ' ORDER BY "startTime", "request_id" LIMIT %(most)s',
            {"at": at, "after": place.after, "until": until, "most": PAGE_ROWS},
        )
    except errors.InsufficientPrivilege as error:
        who = identifier(address.user)
        raise CollectError(
            f"{address.user} may not read {TABLE}",
            address.where,
            f"GRANT USAGE ON SCHEMA {schema} TO {who}; GRANT SELECT ON {table} TO {who};",
            retryable=False,
        ) from error


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
