"""What ingest remembers of each series' newest reading is what a plain dictionary would remember."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from roomleft.clock import FixedClock
from tests.fixtures.clock import NOON
from warehouse.ingest.samples import Newest
from warehouse.store import Store

READINGS = st.lists(st.tuples(st.integers(0, 12).map(lambda n: n * (2**60) + n), st.integers(-5, 5)), max_size=8)


def test_the_newest_of_each_series_is_remembered() -> None:
    store = Store.open("duckdb:///:memory:", now=FixedClock(NOON))

    @settings(max_examples=100, deadline=None)
    @given(st.lists(READINGS, max_size=6), READINGS)
    def remembered(batches: list[list[tuple[int, int]]], asked: list[tuple[int, int]]) -> None:
        newest, model = Newest(), dict[int, int]()
        with store.transaction() as tx:
            newest.refresh(tx)
        for batch in batches:
            newest.advance(*arrays(batch))
            for series, at in batch:
                model[series] = max(at, model.get(series, at))
        expected = [series in model and at <= model[series] for series, at in asked]
        assert newest.maybe_stored(*arrays(asked)).tolist() == expected

    remembered()
    store.close()


def arrays(readings: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([s for s, _ in readings], dtype=np.uint64), np.array([at for _, at in readings], dtype=np.int64)
