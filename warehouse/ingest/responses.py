"""One answer of a provider is stored once, whoever tells of it and under whatever id: the first to be stored counts.

An answer is known by its platform and `response_id`. A call with any quantity or cost claims it; so an attempt that failed, or a look at a
batch that is not finished, leaves the answer to the call that brings its tokens. Calls that went well without a quantity claim something of
their own, the answer's empty form, so that two sources telling of one such call are one call. Failed calls without a quantity claim nothing:
each is an attempt of its own. Rows of several requests claim nothing: they tell of many answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from warehouse import tables
from warehouse.ingest.known_ids import Hashes, KnownIds
from warehouse.ingest.spans import HOUR_US, contiguous, literal

if TYPE_CHECKING:
    from warehouse.store import Transaction

Rows = npt.NDArray[np.int64]

_ANY = " OR ".join(
    [
        *(f"{name} > 0" for name in tables.QUANTITIES),
        "coalesce(cardinality(other_units), 0) > 0",
        "coalesce(reported_cost_usd, 0) > 0",
    ]
)
# md5 and not hash(), as for ids: it must mean the same after the engine is upgraded.
CLAIMS = f"""
SELECT CASE
    WHEN response_id IS NULL OR requests <> 1 THEN NULL
    WHEN {_ANY} THEN md5_number_lower(platform || chr(31) || response_id)
    WHEN status = 'ok' THEN md5_number_lower(platform || chr(31) || response_id || chr(31) || 'ok')
END AS response_hash FROM incoming_usage
"""
COMPARED = (*tables.QUANTITIES, "model")
_STORED = ", ".join(f"u.{name}" for name in COMPARED)
_DIFFERS = " OR ".join(f"u.{name} IS DISTINCT FROM s.{name}" for name in COMPARED)
TOLD = f"""
SELECT s.row, u.source, u.event_id, {_STORED}, {_DIFFERS} AS differs
FROM told AS s JOIN (SELECT * FROM ai_usage{{where}}) AS u
    ON u.response_hash = s.response_hash AND u.platform = s.platform AND u.response_id = s.response_id
"""
BETWEEN = " WHERE occurred_at >= {low} AND occurred_at < {high}"
UNTOLD_IF_0 = frozenset({"images", "characters", "audio_seconds"})
"""What many senders do not count: none is not another number."""
VERSION = re.compile(r"([-@:.]?(v?\d|latest).*)?")
"""What may follow a model's name in its full one: `-2024-08-06`, `@001`, `:latest`."""


@dataclass
class Answered:
    """What the response ids of a batch say. `told`: rows whose answer is stored or stands earlier in the batch; `claims`: a hash a row, null
    without a claim (None: no row has one); `disagree`: of `told`, in words, how a row differs from what counts."""

    claims: pa.Array | None = None
    told: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    disagree: dict[int, str] = field(default_factory=dict)

    def column(self, rows: Rows, count: int) -> pa.Array:
        """The claims of `rows` (of `count`), for the table."""
        if self.claims is None:
            return pa.nulls(len(rows), pa.uint64())
        return self.claims if len(rows) == count else self.claims.take(pa.array(rows))

    def hashes(self, rows: Rows) -> Hashes:
        """The claims of `rows` that are there, to remember once they are committed."""
        if self.claims is None:
            return np.empty(0, dtype=np.uint64)
        found: Hashes = self.claims.take(pa.array(rows)).drop_null().to_numpy()
        return found


def judge_responses(tx: Transaction, usage: pa.Table, new: Rows, known: KnownIds) -> Answered:
    """Which of the rows `new` of `usage` (registered as `incoming_usage`) tell of an answer that another row told of before.

    Rows without a response id cost nothing here.
    """
    said = usage.column("response_id")
    if said.null_count == len(said):
        return Answered()
    claims = tx.execute(CLAIMS).column("response_hash")
    claims = (claims.combine_chunks() if isinstance(claims, pa.ChunkedArray) else claims).cast(pa.uint64())
    claiming = new[np.asarray(pc.is_valid(claims))[new]]
    if not len(claiming):
        return Answered(claims)
    known.refresh(tx)
    hashes: Hashes = pc.fill_null(claims, 0).to_numpy()
    found = Answered(claims)
    waiting = _stored(tx, usage, hashes, claiming[known.maybe_stored(hashes[claiming])], found.disagree)
    first = np.setdiff1d(claiming, waiting, assume_unique=True)
    again = _repeated(usage, hashes, first, found.disagree)
    found.told = np.concatenate([waiting, again])
    return found


def _stored(tx: Transaction, usage: pa.Table, hashes: Hashes, suspects: Rows, disagree: dict[int, str]) -> Rows:
    """Those of `suspects` whose answer is stored: looked for in the hours around them first, and only then at any time."""
    if not len(suspects):
        return suspects
    times = usage.column("occurred_at").cast(pa.int64()).to_numpy()
    found: set[int] = set()
    _register(tx, usage, hashes, suspects)
    for low, high in contiguous(times[suspects]):
        where = BETWEEN.format(low=literal(low - HOUR_US), high=literal(high + HOUR_US))
        _note(usage, tx.execute(TOLD.format(where=where)), found, disagree)
    left = np.array([row for row in suspects.tolist() if row not in found], dtype=np.int64)
    if len(left):
        _register(tx, usage, hashes, left)
        _note(usage, tx.execute(TOLD.format(where="")), found, disagree)
    return np.array(sorted(found), dtype=np.int64)


def _register(tx: Transaction, usage: pa.Table, hashes: Hashes, rows: Rows) -> None:
    chosen = usage.select(("platform", "response_id", *COMPARED)).take(rows)
    tx.register("told", chosen.append_column("row", pa.array(rows)).append_column("response_hash", pa.array(hashes[rows])))


def _note(usage: pa.Table, rows: Any, found: set[int], disagree: dict[int, str]) -> None:
    found.update(rows["row"].to_pylist())
    differing = pa.table(rows).filter(rows["differs"]) if rows.num_rows else rows
    for stored in differing.to_pylist():
        _compare(usage, stored["row"], stored, disagree)


def _repeated(usage: pa.Table, hashes: Hashes, fresh: Rows, disagree: dict[int, str]) -> Rows:
    """Those of `fresh` whose answer an earlier one of them told of."""
    _, first, which = np.unique(hashes[fresh], return_index=True, return_inverse=True)
    again: list[int] = []
    if len(first) < len(fresh):
        names = ("platform", "response_id", "source", "event_id", *COMPARED)
        for place in np.flatnonzero(first[which] != np.arange(len(fresh))):
            row = int(fresh[place])
            one, original = (usage.select(names).slice(at, 1).to_pylist()[0] for at in (row, int(fresh[first[which[place]]])))
            if (one["platform"], one["response_id"]) == (original["platform"], original["response_id"]):
                again.append(row)
                _compare(usage, row, original, disagree)
    return np.array(again, dtype=np.int64)


def _compare(usage: pa.Table, row: int, stored: dict[str, Any], disagree: dict[int, str]) -> None:
    """Say in words how a row differs from the one that counts. Names and numbers only."""
    given = usage.select(("source", *COMPARED)).slice(row, 1).to_pylist()[0]
    told = [
        f"{name} {stored[name]} stored, {given[name]} now"
        for name in tables.QUANTITIES
        if stored[name] != given[name] and (name not in UNTOLD_IF_0 or (stored[name] and given[name]))
    ]
    if not same_model(stored["model"], given["model"]):
        told.append(f"model {stored['model']} stored, {given['model']} now")
    if told:
        who = "it was told before" if stored["source"] == given["source"] else f"two sources disagree; {stored['source']} counts"
        disagree[row] = f"{who}: {', '.join(told)}"


def same_model(one: str | None, other: str | None) -> bool:
    """Whether two names can be of one model: as they are, without a provider before a slash, or one with its version. Nothing said fits all."""
    if one is None or other is None:
        return True
    short, long = sorted((name.rpartition("/")[2].lower() for name in (one, other)), key=len)
    return long.startswith(short) and VERSION.fullmatch(long[len(short) :]) is not None
