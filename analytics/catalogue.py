"""Every price that is known of a hosted model: genai-prices, our own dated lists for what it lacks, and what contracts change.

Precedence, unit by unit: a platform's own pack price, then a contract, then our own list, then genai-prices. Nothing is ever fetched.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from analytics import catalogue_genai
from analytics.catalogue_contracts import about, under
from analytics.catalogue_list import rows_of
from analytics.catalogue_own import OwnLists, name_of
from roomleft.contracts import DatedContract
from roomleft.errors import RoomleftError
from roomleft.packs import Pack, RateRow

log = logging.getLogger(__name__)
STALE_AFTER = timedelta(days=45)
MOST_MODELS = 10_000
"""How many models are kept in mind; sources that make up names must not fill the memory."""
Contracts = Callable[[], Sequence[DatedContract]]


class PriceList(NamedTuple):
    """A list of one provider's prices: when it was last compared with the provider's own (at the latest known), and whether that is long ago."""

    catalogue: str
    provider: str
    checked_on: date
    models: int
    stale: bool


class Catalogue:
    """Prices by provider and model, as sources spell them. Safe to ask from several threads.

    `own_folder` holds our lists (`packs/prices/`; none: without them); `contracts` is asked each time, so that a new one holds at once; `packs`
    are asked for their own prices where a platform is given. Raises PackFaults when a list has a fault.
    """

    def __init__(
        self,
        own_folder: Path | None,
        contracts: Contracts | Sequence[DatedContract] = (),
        *,
        packs: Mapping[str, Pack] | None = None,
        stale_after: timedelta = STALE_AFTER,
    ) -> None:
        self._own = OwnLists(own_folder)
        self._contracts: Contracts = contracts if callable(contracts) else lambda: contracts
        self._packs = packs if packs is not None else {}
        self._stale_after = stale_after
        self._listed: dict[tuple[str, str], list[RateRow]] = {}
        self._lock = threading.Lock()

    def rates_for(self, provider: str, model: str, now: datetime, platform: str = "") -> list[RateRow]:
        """Every price of a model, past and future, resolved now: for everyone, and with `platform` also what holds for it alone.

        Empty when nobody knows a price. To price stored events again hand these to `warehouse.ingest.pricing.price_rows`, beside the stored
        rates of models the platform runs itself (`jobs.self_hosted.MEASURED`), which no list can know.
        """
        listed = self._list_rows(provider, model, now)
        contracts = self._known_contracts()
        rows = under(about(contracts, provider, model, ""), listed, platform="", keep=True)
        if platform:
            rows += under(about(contracts, provider, model, platform), listed, platform=platform, keep=False)
            pack = self._packs.get(platform)
            if pack is not None:
                rows += [row for row in pack.rates(now) if (row.provider, row.model) == (provider, model)]
        return rows

    def rates_of(self, pairs: Sequence[tuple[str, str]], now: datetime) -> list[RateRow]:
        """What the lists and every platform's contracts say of these pairs: what `warehouse.writer.Writer` asks for. Packs' prices are
        stored apart, by the price job."""
        contracts = self._known_contracts()
        platforms = sorted({one.platform for one in contracts if one.platform})
        rows: list[RateRow] = []
        for provider, model in pairs:
            listed = self._list_rows(provider, model, now)
            rows += under(about(contracts, provider, model, ""), listed, platform="", keep=True)
            for platform in platforms:
                rows += under(about(contracts, provider, model, platform), listed, platform=platform, keep=False)
        return rows

    def lists(self, now: datetime) -> list[PriceList]:
        """Every price list in use, by name and provider."""
        day = now.date()
        found = [
            PriceList(name_of(one), one.provider, one.checked_on, len(one.models), day - one.checked_on > self._stale_after)
            for one in self._own.lists
        ]
        checked = catalogue_genai.listed_on()
        stale = day - checked > self._stale_after
        found += [
            PriceList(catalogue_genai.package(), name, checked, count, stale) for name, count in catalogue_genai.counts().items()
        ]
        for slug, pack in self._packs.items():
            for group in pack.prices:
                old = day - group.checked_on > self._stale_after
                found.append(PriceList(f"{slug}@{group.checked_on}", group.provider, group.checked_on, len(group.models), old))
        return sorted(found)

    def _list_rows(self, provider: str, model: str, now: datetime) -> list[RateRow]:
        with self._lock:
            rows = self._listed.get((provider, model))
            if rows is None:
                if len(self._listed) >= MOST_MODELS:
                    self._listed.clear()
                rows = self._listed[provider, model] = self._read(provider, model, now)
        return [row._replace(resolved_at=now) for row in rows]

    def _read(self, provider: str, model: str, now: datetime) -> list[RateRow]:
        own = self._own.rows(provider, model, now)
        found = catalogue_genai.prices_of(provider, model)
        if found is None:
            return own
        listed, moments = found
        mine = {row.unit for row in own}
        return own + [row for row in rows_of(listed, moments, provider, model, now) if row.unit not in mine]

    def _known_contracts(self) -> Sequence[DatedContract]:
        try:
            return self._contracts()
        except RoomleftError as error:
            # One contract that cannot be read must not stop usage from being stored; each run of the price job tells of it again.
            log.error("contracts are left out of prices: %s", error)
            return ()
