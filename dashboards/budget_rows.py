"""Budgets, quotas and credits as screens and programs list them: headroom, what was decided about each, and what comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from analytics.credits import Drawn, credit_rows
from dashboards import reads
from dashboards.door.asking import may_see_users
from dashboards.filters import Filters
from dashboards.headroom_rows import plain_row
from dashboards.limit_rows import ONE_USER, LimitRow
from dashboards.parts import Parts
from roomleft import contracts, credits, limit_terms
from roomleft.credits import credits_of
from roomleft.limits import Kind
from roomleft.packs import Pack
from roomleft.timespan import Window
from warehouse.state.terms import Term, Terms

KINDS = (Kind.BUDGET, Kind.QUOTA)


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A budget or quota with its headroom. `decisions`: every one about it, oldest first, withdrawn ones too; `own`: no pack has it."""

    row: LimitRow
    decisions: Sequence[Term]
    own: bool
    written_per: str | None = None
    """What the pack's amount is for each of, also while a fixed sum stands in its place."""

    @property
    def rolled_over(self) -> Decimal:
        """What the last period left, in the limit's unit; 0 where nothing was carried."""
        if not self.row.limit.rollover:
            return Decimal(0)
        return max(Decimal(0), self.row.headroom.amount - self.row.limit.amount)

    def coming(self, now: datetime) -> list[Term]:
        """The decisions that hold from a later day."""
        return [term for term in self.decisions if term.withdrawn_at is None and term.valid_from > now]

    def standing(self, now: datetime) -> Term | None:
        """The decision in force."""
        held = [term for term in self.decisions if term.holds_at(now)]
        return max(held, key=lambda term: (term.valid_from, term.id)) if held else None


@dataclass(frozen=True, slots=True)
class Budgets:
    """What the Budgets page shows. `future` are decisions about budgets that no limit is in force for (to come, ended)."""

    rows: Sequence[BudgetRow]
    credits: Sequence[Drawn]
    future: Sequence[Term]
    contracts: Sequence[Term] = ()
    """What was agreed with providers, that stands: in force, to come or over."""


def budgets(parts: Parts, now: datetime, platform: str | None = None) -> Budgets:
    """Every budget and quota, worst first, and every credit. Raises StoreError."""
    terms = Terms(parts.state)
    about: dict[str, list[Term]] = {}
    for term in terms.all(limit_terms.KIND):
        about.setdefault(f"{term.platform}.{term.subject}", []).append(term)
    written = written_packs(parts)
    known = {f"{slug}.{spec.id}" for slug, pack in written.items() for spec in pack.limits}
    each_of = {
        f"{slug}.{spec.id}": spec.amount_per for slug, pack in written.items() for spec in pack.limits if spec.amount is not None
    }
    rows = [
        BudgetRow(row, about.pop(row.limit.limit_id, []), row.limit.limit_id not in known, each_of.get(row.limit.limit_id))
        for row in reads.limits(parts.store, parts.packs, now, parts.slack)
        if row.limit.kind in KINDS or row.limit.limit_id in about
    ]
    drawn = credit_rows(parts.store, credits_of(terms.standing(credits.KIND)), now)
    left = [decisions[-1] for decisions in about.values() if decisions[-1].withdrawn_at is None]
    return Budgets(
        [each for each in rows if platform in (None, each.row.limit.platform)],
        [each for each in drawn if platform in (None, "", each.credit.platform) or each.credit.platform == ""],
        [term for term in left if term.valid_from > now and platform in (None, term.platform)],
        [term for term in terms.standing(contracts.KIND) if platform in (None, term.platform) or term.platform == ""],
    )


def shown(rows: Sequence[BudgetRow], filters: Filters) -> list[BudgetRow]:
    """The rows that pass the page's chips."""
    state, kind = filters.get("state"), filters.get("kind")
    return [each for each in rows if state in ("", each.row.state) and kind in ("", each.row.limit.kind)]


def decided_so_far(parts: Parts) -> tuple[int, int]:
    """Changes with every decision, so that a page that shares its answers does not show an old one to whoever has just decided."""
    found = [term for kind in (limit_terms.KIND, credits.KIND, contracts.KIND) for term in Terms(parts.state).all(kind)]
    return len(found), sum(term.withdrawn_at is not None for term in found)


def written_packs(parts: Parts) -> Mapping[str, Pack]:
    """The packs as their files say."""
    found: Mapping[str, Pack] = getattr(parts.packs, "written", parts.packs)
    return found


def budget_answer(each: BudgetRow, now: datetime) -> dict[str, Any]:
    """One budget for programs: its headroom row, what it is made of, and the decisions about it."""
    limit = each.row.limit
    return {
        **plain_row(each.row),
        "own_amount": limit.amount,
        "amount_per": limit.amount_per,
        "amount_unit": amount_unit(limit.unit, limit.amount_per),
        "rolled_over": each.rolled_over,
        "rollover": limit.rollover,
        "window": window_answer(limit.window),
        "per_user": limit.per_user,
        "tight_below": limit.tight_below,
        "recipients": list(limit.recipients),
        "note": limit.note,
        "made_in": "app" if each.own else "pack",
        "meter": limit.meter_id,
        "coming": [term_answer(term) for term in each.coming(now)],
        "decisions": [term_answer(term) for term in each.decisions],
    }


def amount_unit(unit: str, amount_per: str | None) -> str:
    """What `own_amount` is in: `usd`, or `usd for each of active_users`."""
    return unit if amount_per is None else f"{unit} for each of {amount_per}"


def window_answer(window: Window | None) -> dict[str, Any] | None:
    """A window for programs."""
    if window is None:
        return None
    if window.span is not None:
        return {"rolling_s": window.span.total_seconds()}
    return {"period": window.period.value, "zone": window.zone.key, "year_starts": window.year_starts}


def term_answer(term: Term) -> dict[str, Any]:
    """A decision for programs: what, from when, by whom, when, and whether it was taken back. Users it speaks of are named to those who may
    see what single users cost.
    """
    told = asdict(term)
    return told if may_see_users() else {**told, "content": without_users(told["content"])}


def without_users(told: Any) -> Any:
    """A document of a decision or a pack without the users it counts: `user: [one user]`."""
    if isinstance(told, Mapping):
        return {key: [ONE_USER] if key == "user" and value else without_users(value) for key, value in told.items()}
    return [without_users(each) for each in told] if isinstance(told, (list, tuple)) else told


def credit_answer(each: Drawn) -> dict[str, Any]:
    """A credit for programs."""
    spec = each.credit.spec
    return {
        "id": each.credit.name, "decision": each.credit.term_id, "platform": each.credit.platform, "title": spec.title,
        "provider": spec.provider, "amount_usd": spec.amount_usd, "used_usd": each.used_usd, "left_usd": each.left_usd,
        "lost_usd": each.lost_usd, "starts": spec.starts, "expires": spec.expires, "zone": spec.zone, "since": each.credit.since,
        "until": each.credit.until, "owner": spec.owner, "recipients": list(spec.recipients), "note": spec.note,
        "ran_out_at": each.ran_out_at, "runs_out_at": each.runs_out_at, "per_day_usd": each.per_day_usd, "expires_unused_usd": each.wasted_usd,
        "at_most": each.at_most, "last_at": each.last_at, "made_by": each.credit.made_by, "made_at": each.credit.made_at,
    }  # fmt: skip
