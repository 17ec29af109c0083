"""Contracts laid over list prices: within a contract's dates its price holds, with the list price kept beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from analytics.catalogue_names import provider_of, references
from roomleft.contracts import KIND, DatedContract, contract_of
from roomleft.decisions import Decision
from roomleft.packs import RateRow
from warehouse.ingest.rate_stretches import CONTRACT


class TermsLike(Protocol):
    """Where decisions are kept."""

    def standing(self, kind: str) -> Sequence[Decision]: ...


def contracts_of(terms: TermsLike) -> list[DatedContract]:
    """Every contract that was not withdrawn, in the order they take each other's place. Raises InputError for one that cannot be read."""
    return [
        DatedContract(str(term.id), contract_of(term.content), term.platform, term.valid_from, term.valid_to)
        for term in terms.standing(KIND)
    ]


def about(contracts: Iterable[DatedContract], provider: str, model: str, platform: str) -> list[DatedContract]:
    """Those of a platform that are about a model: the provider's before the model's own, then in the order given. The last one wins."""
    names = {name.lower() for _, name in references(provider, model)}
    found = [
        one
        for one in contracts
        if one.platform == platform
        and provider_of(one.contract.provider) == provider_of(provider)
        and (one.contract.model is None or one.contract.model.lower() in names)
    ]
    return sorted(found, key=lambda one: one.contract.model is not None)


def under(contracts: Sequence[DatedContract], listed: Sequence[RateRow], *, platform: str, keep: bool) -> list[RateRow]:
    """List prices cut at the contracts' dates, each stretch at its contract's price. `keep`: with the stretches that no contract covers."""
    rows: list[RateRow] = []
    for row in (*listed, *_unlisted(contracts, listed)):
        edges = {row.valid_from}
        for one in contracts:
            edges |= {edge for edge in (one.valid_from, one.valid_to) if edge is not None and _within(row, edge)}
        instants = sorted(edges)
        for since, until in zip(instants, [*instants[1:], row.valid_to], strict=True):
            holding = [one for one in contracts if one.valid_from <= since and (one.valid_to is None or since < one.valid_to)]
            if holding:
                rows.append(_priced(holding[-1], row, since, until, platform))
            elif keep and row.list_usd_per_unit is None:
                rows.append(
                    row if (since, until) == (row.valid_from, row.valid_to) else row._replace(valid_from=since, valid_to=until)
                )
    return rows


def _within(row: RateRow, edge: datetime) -> bool:
    return row.valid_from < edge and (row.valid_to is None or edge < row.valid_to)


def _priced(one: DatedContract, row: RateRow, since: datetime, until: datetime | None, platform: str) -> RateRow:
    words = f"contract {one.id} from {one.valid_from:%Y-%m-%d}, {one.contract.words(row.unit)}; list: {row.source}"
    return row._replace(
        price_id=f"{CONTRACT}-{one.id}:{row.price_id}",
        platform=platform,
        usd_per_unit=one.contract.price(row.unit, row.usd_per_unit) if row.list_usd_per_unit is None else row.usd_per_unit,
        valid_from=since,
        valid_to=until,
        catalogue=f"{CONTRACT} {one.id} over {row.catalogue}",
        source=words,
        list_usd_per_unit=row.usd_per_unit,
    )


def _unlisted(contracts: Sequence[DatedContract], listed: Sequence[RateRow]) -> list[RateRow]:
    """Prices agreed for units that no list knows."""
    known = {row.unit for row in listed}
    rows = []
    for one in contracts:
        for unit, usd in (one.contract.usd or {}).items():
            if unit not in known and listed:
                like = listed[0]
                rows.append(
                    like._replace(
                        price_id=f"agreed:{unit}",
                        unit=unit,
                        usd_per_unit=usd,
                        valid_from=one.valid_from,
                        valid_to=one.valid_to,
                        context="",
                        input_over=0,
                        minute_from=None,
                        minute_to=None,
                        list_usd_per_unit=usd,
                        source="no list knows this unit",
                    )
                )
    return rows
