"""The ledger's books as the running parts have them: the warehouse, the packs in force, the standing mapping rules, which items serve models."""

from __future__ import annotations

from analytics.allocation import rules_of
from analytics.ledger import Books
from analytics.self_hosted import served_items
from dashboards.door.asking import may_see_users
from dashboards.parts import Parts
from warehouse.state.terms import Terms


def books_of(parts: Parts) -> Books:
    """The books now, as far as who asks may read them. Reads the rules from the state database, so call it in a thread. Raises StoreError."""
    served = [item for pack in parts.packs.values() for item in served_items(pack)]
    rules = rules_of(Terms(parts.state)) if parts.state is not None else []
    return Books(parts.store, parts.packs, rules, served, may_see_users())
