"""Since when a check or a limit has been as it is, from stored rows."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from dashboards import reads
from roomleft.clock import FixedClock
from tests.dashboards.sample_rows import NOW, SAMPLES, _columns, headroom_row
from warehouse.store import Store

MINUTE = timedelta(minutes=1)


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store.open("duckdb:///:memory:", now=FixedClock(NOW))
    yield opened
    opened.close()


def insert(store: Store, table: str, rows: Sequence[dict[str, Any]]) -> None:
    def work(tx: Any) -> None:
        kinds = {name: kind for name, kind in _columns(tx, table).items() if name in rows[0]}
        tx.insert(table, pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()}))

    store.run(work)


def checks(name: str, statuses: str, platform: str = "one") -> list[dict[str, Any]]:
    """A letter a minute, the last one now: p, w, f; a dot is a minute without an answer."""
    words = {"p": "pass", "w": "warn", "f": "fail"}
    return [
        {"platform": platform, "component": "db", "check_name": name, "observed_at": NOW - MINUTE * (len(statuses) - 1 - n),
         "status": words[letter], "value": None, "unit": None, "words": None, "ingested_at": NOW}
        for n, letter in enumerate(statuses) if letter != "."
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "minutes"),
    [("ppfff", 2), ("ffpf", 0), ("fpwwff", 1), ("ffff", 3), ("pf..f", 3), ("ffpp", None), ("w", 0)],
    ids=["after a pass", "again just now", "worse than before", "as long as is known", "over a gap", "passing now", "one answer"],
)
def test_a_check_has_been_so_since_its_first_answer_after_another(store: Store, statuses: str, minutes: int | None) -> None:
    insert(store, "health_checks", [*checks("a", statuses), *checks("b", "pppp"), *checks("a", "pw", platform="two")])
    begun = reads.health_since(store, "one", NOW)
    assert begun == ({} if minutes is None else {"one": {("db", "a"): NOW - MINUTE * minutes}})
    assert reads.health_since(store, None, NOW)["two"] == {("db", "a"): NOW}


@pytest.mark.parametrize(
    ("states", "minutes"),
    [(["ok", "exhausted", "exhausted"], 1), (["tight", "exhausted"], 0), (["exhausted", "ok"], None), (["unknown"] * 4, 3)],
)
def test_a_limit_has_been_so_since_its_first_measurement_after_another(
    store: Store, states: list[str], minutes: int | None
) -> None:
    (sample,) = (each for each in SAMPLES if each.limit.limit_id == "arena.worlds_us")
    rows = [{**headroom_row(sample, NOW - MINUTE * (len(states) - 1 - n)), "state": state} for n, state in enumerate(states)]
    insert(store, "headroom", rows)
    rows = store.rows("page_limits_since", since=NOW - timedelta(days=1))
    found = {row["limit_id"]: row["begun_at"] for row in rows}
    assert found == ({} if minutes is None else {"arena.worlds_us": NOW - MINUTE * minutes})


@pytest.mark.parametrize(
    ("states", "before"),
    [
        (["exhausted", "exhausted"], True),
        (["unknown", "exhausted"], True),
        (["ok", "exhausted"], False),
        (["ok", "unknown", "exhausted"], False),
        (["unknown", "unknown"], True),
    ],
)
def test_what_was_so_when_it_was_first_measured_began_before(store: Store, states: list[str], before: bool) -> None:
    (sample,) = (each for each in SAMPLES if each.limit.limit_id == "arena.worlds_us")
    rows = [{**headroom_row(sample, NOW - MINUTE * (len(states) - 1 - n)), "state": state} for n, state in enumerate(states)]
    insert(store, "headroom", rows)
    (found,) = store.rows("page_limits_since", since=NOW - timedelta(days=1))
    assert found["began_before"] is before


def test_what_changed_while_history_was_read_did_not_change_then(store: Store) -> None:
    (sample,) = (each for each in SAMPLES if each.limit.limit_id == "arena.worlds_us")
    half_read = {"state": "ok", "basis": "no pace: history is still being read"}
    rows = [{**headroom_row(sample, NOW - MINUTE), **half_read}, {**headroom_row(sample, NOW), "state": "exhausted"}]
    insert(store, "headroom", rows)
    (found,) = store.rows("page_limits_since", since=NOW - timedelta(days=1))
    assert found["began_before"] is True
