"""Our own dated price lists (`packs/prices/`) in the form of every list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from analytics.catalogue_list import exact
from analytics.catalogue_names import provider_of, references
from roomleft.packs import RateRow
from roomleft.packs_prices import ModelPrices, ProviderPrices, load_price_lists


class OwnLists:
    """The lists of a folder, read once."""

    def __init__(self, folder: Path | None) -> None:
        self.lists: Sequence[ProviderPrices] = load_price_lists(folder) if folder is not None else ()
        self._models: dict[tuple[str, str], tuple[ProviderPrices, str, ModelPrices]] = {}
        for group in self.lists:
            for model, listed in group.models.items():
                for name in (model, *listed.also):
                    self._models[provider_of(group.provider), name.lower()] = (group, model, listed)

    def rows(self, provider: str, model: str, now: datetime) -> list[RateRow]:
        """Every price of a model, as rates of the names given."""
        for whose, name in references(provider, model):
            if (found := self._models.get((whose, name.lower()))) is not None:
                return list(_rows(*found, provider, model, now))
        return []


def name_of(group: ProviderPrices) -> str:
    """A list's name, with the day it was last checked."""
    return f"roomleft-{group.provider}@{group.checked_on}"


def _rows(group: ProviderPrices, name: str, listed: ModelPrices, provider: str, model: str, now: datetime) -> list[RateRow]:
    rows = []
    for price, until in listed.dated():
        for unit, usd in price.per_unit().items():
            words = [price.service_class or "standard", price.above_input_tokens, price.valid_from]
            price_id = ":".join([name_of(group), f"{group.provider}/{name}", *(str(word) for word in words if word is not None)])
            rows.append(
                RateRow(
                    price_id,
                    provider,
                    model,
                    "",
                    unit,
                    exact(usd),
                    price.since,
                    until,
                    name_of(group),
                    group.source,
                    now,
                    context=price.service_class or "",
                    input_over=price.above_input_tokens or 0,
                    checked_on=group.checked_on,
                )
            )
    return rows
