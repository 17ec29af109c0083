"""What the engine says, and the error that a person or a retry gets of it."""

from __future__ import annotations

import pytest

from roomleft.errors import DiskFull, RoomleftError, StoreConflict, StoreError
from warehouse.faults import explain

SAID = {
    'TransactionContext Error: Failed to commit: Failed to alter table "ai_usage" because the underlying table state was reverted by a'
    " concurrent transaction": StoreConflict,
    "TransactionContext Error: Transaction conflict: cannot update a table that has been altered!": StoreConflict,
    "IO Error: could not write: No space left on device": DiskFull,
    "Binder Error: no such column": StoreError,
}


@pytest.mark.parametrize(("text", "kind"), SAID.items())
def test_an_engine_s_words_become_the_error_they_mean(text: str, kind: type[RoomleftError]) -> None:
    assert type(explain(RuntimeError(text), "warehouse.duckdb")) is kind
