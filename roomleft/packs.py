"""A pack: everything Roomleft knows about one platform, in one YAML file that a person can write and a program refuses early.

`load_pack` and `load_packs` raise PackFaults (a PackError) that tell every fault of a file with its path, line and nearest valid name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, ValidationError

from roomleft.errors import PackError
from roomleft.limits import Limit, NextStep
from roomleft.packs_check import check_references
from roomleft.packs_faults import note_validation_errors
from roomleft.packs_fields import Country, Ident, Slug, Strict, Words, Zone
from roomleft.packs_meters import Meter
from roomleft.packs_money import Alternative, CostItem, Costs, CostTier, ProviderPrices
from roomleft.packs_otlp import OtlpSpec
from roomleft.packs_parts import (
    Advice,
    Component,
    Figure,
    LimitSpec,
    PeakHours,
    Persona,
    Reports,
    RequestPath,
    Risk,
    Scaling,
    Score,
    Signal,
    SourceSpec,
    StateSpec,
    Target,
    Threshold,
    TierSpec,
)
from roomleft.packs_prices import midnight_utc
from roomleft.packs_sources import SourceEntry
from roomleft.packs_standin import StandinShape
from roomleft.packs_yaml import Document, PackFaults, nearest, read_yaml

__all__ = ["BESIDE", "Pack", "PackFaults", "RateRow", "load_pack", "load_packs", "pack_files", "pack_of"]

BESIDE = (".test.yaml", ".rules.yaml", ".slo.yaml")
"""How the names of files end that stand beside a pack and are none: its test scripts, alert rules and SLOs."""

MINUTE = timedelta(minutes=1)


class RateRow(NamedTuple):
    """One price of one unit, as the `rates` table keeps it. `valid_to` None: until a later row.

    `platform`: whom it holds for, '' for everyone. `context`: the service class, '' for the standard one. It holds for calls with more than
    `input_over` input tokens, and between two minutes of the UTC day where those are given. `list_usd_per_unit`: the list price where a
    contract changed it. `checked_on`: when the list was last compared with the provider's.
    """

    price_id: str
    provider: str
    model: str
    platform: str
    unit: str
    usd_per_unit: Decimal
    valid_from: datetime
    valid_to: datetime | None
    catalogue: str
    source: str
    resolved_at: datetime
    context: str = ""
    input_over: int = 0
    minute_from: int | None = None
    minute_to: int | None = None
    list_usd_per_unit: Decimal | None = None
    checked_on: date | None = None


class Pack(Strict):
    """One platform. Times of day without a zone of their own are in `zone`."""

    slug: Slug
    title: Words
    summary: Words
    zone: Zone = "UTC"
    country: Country | None = None
    started_on: date | None = None
    source: SourceSpec = SourceSpec()
    sources: list[SourceEntry] = []
    otlp: OtlpSpec = OtlpSpec()
    states: Annotated[dict[Ident, StateSpec], Field(min_length=1)]
    components: Annotated[list[Component], Field(min_length=1)]
    signals: list[Signal] = []
    thresholds: dict[Ident, Threshold] = {}
    meters: dict[Ident, Meter]
    limits: Annotated[list[LimitSpec], Field(min_length=1)]
    targets: list[Target] = []
    prices: list[ProviderPrices] = []
    costs: Costs | None = None
    cost_tiers: list[CostTier] = []
    alternatives: list[Alternative] = []
    scaling: dict[Ident, Scaling] = {}
    request_paths: dict[Ident, RequestPath] = {}
    risks: list[Risk] = []
    tiers: list[TierSpec] = []
    personas: list[Persona] = []
    peak_hours: PeakHours | None = None
    batchable: list[str] = []
    scores: dict[Ident, Score] = {}
    reports: Reports = Reports()
    advice: list[Advice] = []
    figures: list[Figure] = []
    standin: StandinShape | None = None

    _folder: Path = PrivateAttr(default=Path())
    # What people decided in the app, laid over the file: see limit_terms.
    _earlier_amounts: dict[str, tuple[tuple[datetime, Decimal], ...]] = PrivateAttr(default_factory=dict)
    _allocation: tuple[Any, ...] = PrivateAttr(default=())

    @property
    def folder(self) -> Path:
        """The folder that SQL meters' files are in: `packs/<slug>/`."""
        return self._folder / self.slug

    @property
    def source_name(self) -> str:
        """The name under which the platform's own API is read; the slug unless the pack says otherwise."""
        return self.source.name or self.slug

    @property
    def interval(self) -> timedelta:
        """How often readings are expected; a minute unless the pack says otherwise."""
        return self.source.interval or MINUTE

    @property
    def mapping(self) -> tuple[Any, ...]:
        """The rules that say whose usage is whose, in the order they are asked; decided in the app, never in the file."""
        return self._allocation

    def laid(
        self,
        limits: Sequence[LimitSpec],
        meters: Mapping[str, Meter],
        earlier_amounts: Mapping[str, tuple[tuple[datetime, Decimal], ...]],
        mapping: Sequence[Any] = (),
    ) -> Pack:
        """The pack with other limits and meters, since when each amount held, and the mapping rules in force. The pack itself stays as it is."""
        pack = self.model_copy(update={"limits": list(limits), "meters": dict(meters)})
        # A shallow copy shares its private parts.
        pack.__pydantic_private__ = dict(self.__pydantic_private__ or {})
        pack._earlier_amounts = dict(earlier_amounts)
        pack._allocation = tuple(mapping)
        return pack

    def measuring(self, meters: Mapping[str, Meter]) -> Pack:
        """The pack with further meters."""
        return self.laid(self.limits, {**self.meters, **meters}, self._earlier_amounts, self._allocation)

    def zones(self) -> list[str]:
        """Every zone whose days its limits count users in: what `usage_user_1d` must be kept for."""
        zones = {self.zone}
        zones.update(spec.window.zone for spec in self.limits if spec.window and spec.window.zone)
        return sorted(zones)

    def limit_spec(self, limit_id: str) -> LimitSpec:
        """A limit as the pack writes it, by its id with or without the platform."""
        short = limit_id.removeprefix(f"{self.slug}.")
        for spec in self.limits:
            if spec.id == short:
                return spec
        raise PackError(f"unknown limit '{limit_id}'", self.slug, nearest(short, [spec.id for spec in self.limits], "limits"))

    def limit_list(self) -> list[Limit]:
        """Every limit in the vocabulary's form, in the pack's order."""
        return [self._limit(spec) for spec in self.limits]

    def limit(self, limit_id: str) -> Limit:
        """One of them."""
        return self._limit(self.limit_spec(limit_id))

    def _limit(self, spec: LimitSpec) -> Limit:
        step = spec.next_step
        return Limit(
            limit_id=f"{self.slug}.{spec.id}",
            platform=self.slug,
            kind=spec.kind,
            title=spec.title,
            amount=self.amount_of(spec),
            unit=spec.unit,
            meter_id=spec.meter,
            direction=spec.direction,
            window=spec.window.window(self.zone) if spec.window else None,
            owner=spec.owner,
            tight_below=spec.tight_below,
            next_step=NextStep(step.what, step.cost_usd_per_month, step.lead_time) if step else None,
            assumed=spec.assumed,
            per_user=spec.per_user,
            amount_per=spec.amount_per,
            amount_per_unit=self.meters[spec.amount_per].unit if spec.amount_per in self.meters else "",
            rollover=spec.rollover,
            earlier_amounts=self._earlier_amounts.get(spec.id, ()),
            recipients=tuple(spec.recipients),
            note=spec.note,
            zone=ZoneInfo(self.zone),
        )

    def amount_of(self, spec: LimitSpec) -> Decimal:
        """A limit's amount: as written, its threshold's, or the error budget its objective leaves (a share of `amount_per`, or minutes)."""
        if spec.amount is not None:
            return spec.amount
        if spec.threshold is not None:
            return self.thresholds[spec.threshold].amount
        if spec.cost_tier is not None:
            return sum((item.usd_per_month for item in self.cost_tier(spec.cost_tier).items), Decimal(0))
        assert spec.objective_percent is not None, "the model lets exactly one amount through"
        share = (100 - spec.objective_percent) / Decimal(100)
        if spec.amount_per is not None:
            return share
        assert spec.window is not None, "the model lets no objective through without a window"
        assert spec.window.rolling is not None, "checked on loading"
        return share * (Decimal(round(spec.window.rolling.total_seconds())) / 60)

    def cost_tier(self, tier_id: str) -> CostTier:
        """A cost tier by its id."""
        for tier in self.cost_tiers:
            if tier.id == tier_id:
                return tier
        raise PackError(
            f"unknown cost tier '{tier_id}'", self.slug, nearest(tier_id, [t.id for t in self.cost_tiers], "cost tiers")
        )

    def cost_items(self) -> Sequence[CostItem]:
        """The lines of the monthly infrastructure bill: the pack's own, or those of the cost tier it names."""
        if self.costs is None:
            return ()
        return self.costs.items if self.costs.cost_tier is None else self.cost_tier(self.costs.cost_tier).items

    def rates(self, now: datetime) -> list[RateRow]:
        """Every price of the pack, past and future ones too, as rows of `rates` resolved now: from the first instant (UTC) of its day."""
        rows = []
        for group in self.prices:
            for model, listed in group.models.items():
                for price in listed.prices:
                    until = midnight_utc(price.until) if price.until is not None else None
                    for unit, usd in price.per_unit().items():
                        words = [unit, price.service_class, price.above_input_tokens, price.valid_from]
                        price_id = ":".join(
                            [self.slug, group.provider, model, *(str(word) for word in words if word is not None)]
                        )
                        row = RateRow(
                            price_id, group.provider, model, self.slug, unit, usd, price.since, until,
                            f"{self.slug}@{group.checked_on}", group.source, now, context=price.service_class or "",
                            input_over=price.above_input_tokens or 0, checked_on=group.checked_on,
                        )  # fmt: skip
                        rows.append(row)
        return rows

    def infrastructure_usd(self, day: date, parts: Sequence[str] | None = None) -> Decimal:
        """What infrastructure costs a month at the prices of `day`; only the items named in `parts`, if given."""
        total = Decimal(0)
        for item in self.cost_items():
            begun = item.valid_from is None or item.valid_from <= day
            if begun and (item.until is None or day < item.until) and (parts is None or item.id in parts):
                total += item.usd_per_month
        return total


def load_pack(path: Path) -> Pack:
    """Read one pack. Raises PackFaults with every fault of the file, or PackError if it cannot be read."""
    return pack_of(read_yaml(path), path)


def pack_of(document: Document, path: Path) -> Pack:
    """The pack that a read file holds, or that a draft would make of the file at `path`. Raises PackFaults."""
    if not isinstance(document.data, dict):
        document.add("a pack is a map of sections", (), "begin with slug, title and summary")
        document.refuse()
    data: dict[str, Any] = document.data  # type: ignore[assignment]
    pack: Pack | None = None
    try:
        pack = Pack.model_validate(data)
    except ValidationError as error:
        note_validation_errors(document, Pack, error)
    check_references(document, data, path.parent)
    document.refuse()
    assert pack is not None, "a pack that did not validate has faults"
    if pack.slug != path.name.removesuffix(".yaml"):
        document.add(f"slug is '{pack.slug}' but the file is {path.name}", ("slug",), f"rename the file to {pack.slug}.yaml")
        document.refuse()
    pack._folder = path.parent
    return pack


def pack_files(folder: Path) -> dict[str, Path]:
    """The pack files of a folder by slug, in the order of their names; none if there is no such folder."""
    found = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    return {path.name.removesuffix(".yaml"): path for path in found if not path.name.endswith(BESIDE)}


def load_packs(directory: Path, only: Sequence[str] | None = None) -> dict[str, Pack]:
    """Every pack of a folder by slug (`*.yaml` without those that stand beside a pack), or those named. Faults of several files are told together."""
    if not directory.is_dir():
        raise PackError("no such folder", str(directory), "set ROOMLEFT_PACKS_DIR to the folder of the packs")
    found = pack_files(directory)
    for name in only or ():
        if name not in found:
            raise PackError(f"no pack '{name}'", str(directory), nearest(name, found, "packs"))
    packs: dict[str, Pack] = {}
    faults: list[PackError] = []
    for name in only or list(found):
        try:
            packs[name] = load_pack(found[name])
        except PackError as error:
            faults.append(error)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise PackError("\n".join(str(fault) for fault in faults), str(directory), f"{len(faults)} packs have faults")
    return packs
