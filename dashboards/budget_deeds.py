"""What people decide on the Budgets page: edits of limits, budgets of their own, credits. Each is checked, stored with its first day, and in force
at once when that day has come. Nothing stored is changed by it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.budget_amounts import AMOUNT_PER, PER, comes_to, stated
from dashboards.budget_rows import written_packs
from dashboards.budget_unseen import refuse_unseen
from dashboards.parts import Parts
from roomleft import contracts, credits, limit_terms
from roomleft.contracts import contract_of
from roomleft.credits import credit_spec, first_instant
from roomleft.errors import InputError
from roomleft.limit_terms import LimitEdit, check_decision, decision_of, own_limit
from roomleft.packs import Pack
from roomleft.packs_yaml import nearest
from roomleft.platform_names import unknown_platform
from roomleft.timespan import midnight, parse_instant
from warehouse.state.terms import Term, Terms

ABOUT = ("from", "until", "reason")
"""Keys of a body that are about the decision, not about the limit."""
LISTS = ("recipients",)
LONGEST_AHEAD = timedelta(days=3660)
EARLIEST = date(2000, 1, 1)
UTC_ZONE = ZoneInfo("UTC")


def edit_limit(parts: Parts, limit_id: str, body: Mapping[str, Any], who: str) -> int:
    """Decide something else about a limit from a day on; the decision's id. What is not named stays as it is then. Raises InputError.

    The amount of a limit that is for each of something needs `per`, or `amount_per` None for a fixed sum: neither is guessed.
    """
    platform, subject, pack = _limit_of(parts, limit_id)
    since, until, reason = _when(parts, body, pack, _zone_of(parts, limit_id, pack))
    changes = _tidy({key: value for key, value in body.items() if key not in ABOUT})
    changes |= {key: body[key] or None for key in (PER, AMOUNT_PER) if key in body}
    if not changes:
        raise InputError("nothing is to be changed", limit_id, f"send one of {', '.join(LimitEdit.model_fields)}")
    before = _held_at(parts, platform, subject, since)
    changes = _meant(parts, pack, limit_id, changes, before)
    if before is not None and before.content.get("own"):
        own = before.content["own"]
        unknown = sorted(set(changes) - set(LimitEdit.model_fields))
        if unknown:
            raise InputError(
                f"{unknown[0]!r} cannot be changed here", limit_id, nearest(unknown[0], LimitEdit.model_fields, "keys")
            )
        content: dict[str, Any] = {"own": {**own, "limit": {**own["limit"], **changes}}}
    else:
        content = {"edit": {**((before.content.get("edit") or {}) if before is not None else {}), **changes}}
    check_decision(pack, subject, decision_of(content, limit_id))
    return _add(parts, limit_terms.KIND, subject, content, who, since, until, platform, reason)


def amount_meaning(parts: Parts, limit_id: str, decision: int) -> str:
    """What a decided amount comes to now: `$6,000 × 2,477 active users = $14,862,000`; '' where no amount was decided."""
    platform, subject, pack = _limit_of(parts, limit_id)
    term = next((each for each in Terms(parts.state).standing(limit_terms.KIND) if each.id == decision), None)
    said = ((term.content.get("own") or {}).get("limit") or term.content.get("edit") or {}) if term is not None else {}
    limit = next((each for each in _now_in_force(parts, platform) if each.limit_id == limit_id), None)
    if limit is None or said.get("amount") is None:
        return ""
    written = _written_per(pack, subject)
    return comes_to(parts, replace(limit, amount_per=said.get(AMOUNT_PER, written)), said["amount"], parts.clock.now())


def _meant(parts: Parts, pack: Pack, limit_id: str, changes: Mapping[str, Any], before: Term | None) -> dict[str, Any]:
    own = (before.content.get("own") or {}).get("limit") if before is not None else None
    per = own.get(AMOUNT_PER) if own else _written_per(pack, limit_id.partition(".")[2])
    held = (before.content.get("edit") or {}) if before is not None else {}
    comes = ""
    if per is not None and "amount" in changes and not {PER, AMOUNT_PER} & set(changes):
        limit = next((each for each in _now_in_force(parts, pack.slug) if each.limit_id == limit_id), None)
        told = comes_to(parts, replace(limit, amount_per=per), changes["amount"], parts.clock.now()) if limit is not None else ""
        comes = f" ({told})" if told else ""
    return stated(changes, held, per, limit_id, comes)


def _written_per(pack: Pack, subject: str) -> str | None:
    """What the pack's amount of a limit is for each of; None where it is a sum."""
    return next((spec.amount_per for spec in pack.limits if spec.id == subject and spec.amount is not None), None)


def new_budget(parts: Parts, body: Mapping[str, Any], who: str) -> tuple[str, int]:
    """A budget or quota that no pack has: its id and the decision's. Raises InputError."""
    platform = str(body.get("platform", ""))
    pack = _pack(parts, platform)
    limit, meter = _map(body, "limit"), _map(body, "meter")
    limit = {"owner": who, **_tidy(limit)}
    where = {key: _listed(value) for key, value in _map(meter, "where").items() if value not in ("", None, [])}
    meter = {**{key: value for key, value in meter.items() if value not in ("", None)}, "where": where}
    subject = str(body.get("id") or _ident(str(limit.get("title", ""))))
    if f"{platform}.{subject}" in {each.limit_id for each in _now_in_force(parts, platform)}:
        raise InputError(f"there is a limit {platform}.{subject} already", "id", "give another id or title")
    decision_body = own_limit(pack, subject, limit, meter)
    assert decision_body.own is not None, "it was just made"
    zone = decision_body.own.limit.window.window(pack.zone).zone if decision_body.own.limit.window else ZoneInfo(pack.zone)
    since, until, reason = _when(parts, body, pack, zone)
    refuse_unseen(parts, platform, decision_body.own.meter.where, bool(body.get("even_if_unseen")))
    content = {"own": {"limit": {**limit, "id": subject, "meter": subject}, "meter": meter}}
    return f"{platform}.{subject}", _add(parts, limit_terms.KIND, subject, content, who, since, until, platform, reason)


def end_budget(parts: Parts, limit_id: str, body: Mapping[str, Any], who: str) -> int:
    """End a budget that was made here, from a day on. Raises InputError."""
    platform, subject, pack = _limit_of(parts, limit_id)
    since, _, reason = _when(parts, body, pack, _zone_of(parts, limit_id, pack))
    content = {"ended": True}
    check_decision(pack, subject, decision_of(content, limit_id))
    return _add(parts, limit_terms.KIND, subject, content, who, since, None, platform, reason)


def put_credit(parts: Parts, body: Mapping[str, Any], who: str) -> tuple[str, int]:
    """A prepaid credit, or a correction of the one of that id: its id and the decision's. Raises InputError."""
    platform = str(body.get("platform") or "")
    if platform:
        _pack(parts, platform)
    content = _tidy({key: value for key, value in body.items() if key not in ("id", "platform", "reason")})
    spec = credit_spec(content, "credit")
    subject = str(body.get("id") or _ident(f"{spec.provider}_{spec.title}"))
    if not limit_terms.IDENT.fullmatch(subject):
        raise InputError(f"{subject[:60]!r} is not an id", "id", "small letters, digits and underscores, a letter first")
    known = {term.subject for term in Terms(parts.state).standing(credits.KIND)}
    if not body.get("id") and subject in known:
        raise InputError(f"there is a credit {subject} already", "title", "give another title, or send its id to correct it")
    until = None
    if spec.expires is not None:
        until = midnight(spec.expires + timedelta(days=1), ZoneInfo(spec.zone))
    reason = str(body.get("reason") or "")
    return subject, _add(parts, credits.KIND, subject, content, who, first_instant(spec), until, platform, reason)


def put_contract(parts: Parts, body: Mapping[str, Any], who: str) -> tuple[str, int]:
    """What was agreed with a provider about its prices, from a day (UTC) on: its id and the decision's. Raises InputError.

    Usage from then on is priced by it; what is priced already is only changed by re-pricing.
    """
    platform = str(body.get("platform") or "")
    if platform:
        _pack(parts, platform)
    content = _tidy({key: value for key, value in body.items() if key not in ("id", "platform", *ABOUT)})
    contract = contract_of(content)
    subject = str(body.get("id") or _ident(f"{contract.provider}_{contract.model or 'all'}"))
    if not limit_terms.IDENT.fullmatch(subject):
        raise InputError(f"{subject[:60]!r} is not an id", "id", "small letters, digits and underscores, a letter first")
    since = _instant("from", body.get("from"), UTC_ZONE) or parts.clock.now()
    until = _instant("until", body.get("until"), UTC_ZONE)
    reason = str(body.get("reason") or "")
    return subject, _add(parts, contracts.KIND, subject, content, who, since, until, platform, reason)


def take_back(parts: Parts, decision: int, who: str) -> Term:
    """Withdraw a decision about a limit or a credit; what held before it holds again. Raises InputError."""
    terms = Terms(parts.state)
    kinds = (limit_terms.KIND, credits.KIND, contracts.KIND)
    if not any(term.id == decision for kind in kinds for term in terms.all(kind)):
        raise InputError(
            f"there is no decision {decision} about a limit, credit or contract", "budgets", "GET /api/v1/budgets lists them"
        )
    taken = terms.withdraw(decision, who=who)
    parts.decided()
    return taken


def _add(
    parts: Parts,
    kind: str,
    subject: str,
    content: Mapping[str, Any],
    who: str,
    since: datetime,
    until: datetime | None,
    platform: str,
    reason: str,
) -> int:
    made = Terms(parts.state).add(
        kind, subject, content, who=who, valid_from=since, valid_to=until, platform=platform, note=reason[:1000]
    )
    parts.decided()
    return made


def _limit_of(parts: Parts, limit_id: str) -> tuple[str, str, Pack]:
    platform, _, subject = limit_id.partition(".")
    pack = _pack(parts, platform)
    known = {limit.limit_id for limit in _now_in_force(parts, platform)}
    decided = {f"{term.platform}.{term.subject}" for term in Terms(parts.state).standing(limit_terms.KIND)}
    if limit_id not in known | decided:
        raise InputError(f"there is no limit {limit_id[:100]!r}", "limits", nearest(limit_id, known | decided, "limits"))
    return platform, subject, pack


def _pack(parts: Parts, platform: str) -> Pack:
    written = written_packs(parts)
    if platform not in written:
        raise unknown_platform(platform, written, "platform")
    return written[platform]


def _now_in_force(parts: Parts, platform: str) -> list[Any]:
    pack = parts.packs.get(platform)
    return pack.limit_list() if pack is not None else []


def _zone_of(parts: Parts, limit_id: str, pack: Pack) -> ZoneInfo:
    """The zone whose midnight a day begins at: the limit's own, else the platform's."""
    limit = next((each for each in _now_in_force(parts, pack.slug) if each.limit_id == limit_id), None)
    window = limit.window if limit is not None else None
    return window.zone if window is not None and window.span is None else ZoneInfo(pack.zone)


def _held_at(parts: Parts, platform: str, subject: str, instant: datetime) -> Term | None:
    """The decision in force at an instant."""
    held = [
        term
        for term in Terms(parts.state).standing(limit_terms.KIND)
        if (term.platform, term.subject) == (platform, subject) and term.holds_at(instant)
    ]
    return held[-1] if held else None


def _when(parts: Parts, body: Mapping[str, Any], pack: Pack, zone: ZoneInfo) -> tuple[datetime, datetime | None, str]:
    """From when a decision holds (now unless it says a day), until when, and why."""
    now = parts.clock.now()
    since = _instant("from", body.get("from"), zone) or now
    until = _instant("until", body.get("until"), zone)
    if since > now + LONGEST_AHEAD:
        raise InputError("that is more than ten years ahead", "from", "give an earlier day")
    return since, until, str(body.get("reason") or "")


def _instant(name: str, value: object, zone: ZoneInfo) -> datetime | None:
    """A day (its midnight in the zone) or an instant; None for nothing."""
    if value in (None, ""):
        return None
    text = str(value)
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return parse_instant(text)
        day = date.fromisoformat(text)
    except (InputError, ValueError, OverflowError) as error:
        raise InputError(f"{text[:40]!r} is not a day", name, "write for example 2026-12-01") from error
    if day < EARLIEST:
        raise InputError(f"{text} is long past", name, "a day since 2000")
    return midnight(day, zone)


def _tidy(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A form's fields as a pack writes them: lists for lists, a window of one kind, and nothing for what was left empty."""
    found: dict[str, Any] = {}
    for key, value in fields.items():
        if key in LISTS:
            found[key] = _listed(value)
        elif key == "window" and isinstance(value, Mapping):
            given = {name: each for name, each in value.items() if each not in ("", None)}
            rolling = given.get("period") == "rolling"
            keep = ("rolling",) if rolling else ("period", "zone", "year_starts", *(() if "period" in given else ("rolling",)))
            found[key] = {name: given[name] for name in given if name in keep}
            starts = found[key].get("year_starts")
            if isinstance(starts, str) and starts.isdigit():
                found[key]["year_starts"] = int(starts)
        elif value not in ("", None) or key == "note":
            found[key] = value.strip() if isinstance(value, str) else value
    return found


def _listed(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in re.split(r"[,;\n]", value) if part.strip()]
    return value


def _map(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key) or {}
    if not isinstance(value, Mapping):
        raise InputError(f"{key} is not a map", "body", f'send {{"{key}": {{…}}}}')
    return dict(value)


def _ident(title: str) -> str:
    """An id from a title: `Café ops` becomes `cafe_ops`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:60]
    return name if name[:1].isalpha() else f"b_{name}"[:60].rstrip("_")
