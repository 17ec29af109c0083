"""The catalogue of a server: our price lists beside the packs, and the contracts that people keep in the app."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from analytics.catalogue import Catalogue
from analytics.catalogue_contracts import contracts_of
from roomleft.packs import Pack
from roomleft.settings import Settings
from warehouse.state import StateDb
from warehouse.state.terms import Terms

PRICES = "prices"
"""The folder of price lists in the packs' folder."""


def catalogue_of(settings: Settings, packs: Mapping[str, Pack], state: StateDb | None) -> Catalogue:
    """Every price a server knows. Raises PackFaults when a price list has a fault."""
    terms = Terms(state) if state is not None else None
    return Catalogue(
        settings.packs_dir / PRICES,
        (lambda: contracts_of(terms)) if terms is not None else (),
        packs=packs,
        stale_after=timedelta(days=settings.price_list_stale_days),
    )
