"""What is asked of a store as of one transaction is asked as of the store itself."""

from __future__ import annotations

import pytest

from analytics.conditions_asked import Snapshot
from roomleft.clock import FixedClock
from roomleft.errors import UsersHidden
from warehouse.store import Store

ASKED = "SELECT count(DISTINCT user_id) AS users FROM ai_usage"


def test_a_query_over_users_is_asked_as_of_the_store(clock: FixedClock) -> None:
    with Store.open("duckdb:///:memory:", now=clock, threads=1) as store, store.transaction() as tx:
        snapshot = Snapshot(store, tx)
        assert snapshot.ask(ASKED, see_users=True).to_pylist() == [{"users": 0}]
        with pytest.raises(UsersHidden):
            snapshot.ask(ASKED)
