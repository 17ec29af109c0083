"""Limits as people decide them in the app, laid over the packs: an edited amount, window or owner, or a budget that no pack has.

A decision has a first day and is never edited: a later one about the same limit takes its place from its own day on. The packs are the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field, ValidationError

from roomleft.decisions import Decision
from roomleft.errors import InputError
from roomleft.limits import Kind
from roomleft.packs import Pack
from roomleft.packs_faults import note_validation_errors
from roomleft.packs_fields import Address, Exact, Fraction, Ident, Strict, WindowSpec, Words
from roomleft.packs_meters import BY_USER, CostMeter, CountMeter, Meter, Where
from roomleft.packs_parts import LimitSpec
from roomleft.packs_yaml import Document, nearest, path_text

KIND: Final = "limit"
"""The kind of these decisions among the terms."""

M = TypeVar("M", bound=Strict)


class LimitEdit(Strict):
    """What is decided of a limit that a pack has; what is not given stays as the pack says.

    `amount_per` repeats what the pack's amount is for each of; given as None, `amount` is a fixed sum of the period instead.
    """

    amount: Annotated[Exact, Field(ge=0)] | None = None
    amount_per: Ident | None = None
    window: WindowSpec | None = None
    rollover: bool | None = None
    owner: Words | None = None
    recipients: Annotated[list[Address], Field(max_length=50)] | None = None
    tight_below: Fraction | None = None
    note: Annotated[str, Field(max_length=1000)] | None = None


class OwnLimit(Strict):
    """A budget or quota of somebody's own: a limit as in a pack, and the meter it is consumed through, of its own id."""

    limit: LimitSpec
    meter: Annotated[CostMeter | CountMeter, Field(discriminator="kind")]


class LimitDecision(Strict):
    """The content of a decision: an edit of a pack's limit, a whole one, or its end."""

    edit: LimitEdit | None = None
    own: OwnLimit | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Misfit:
    """A stored decision that does not fit the packs any more, and why; what the pack says holds in its place."""

    term_id: int
    limit_id: str
    why: str


def decision_of(content: Mapping[str, Any], where: str) -> LimitDecision:
    """The decision that a body or a stored text holds. Raises InputError that tells every fault."""
    return checked(LimitDecision, content, where)


def checked(model: type[M], content: Mapping[str, Any], where: str) -> M:
    """`content` as a model. Raises InputError with every fault, its path and what would be right."""
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        document = Document(where, dict(content))
        note_validation_errors(document, model, error)
        faults = document.problems
        words = "; ".join(f"{path_text(fault.place)}: {fault.what}".removeprefix(": ") for fault in faults)
        raise InputError(words, where, next((fault.hint for fault in faults if fault.hint), "")) from None


def check_decision(pack: Pack, subject: str, decision: LimitDecision) -> None:
    """Refuse what the pack has no place for. Raises InputError."""
    where = f"{pack.slug}.{subject}"
    written = {spec.id for spec in pack.limits}
    if decision.own is not None:
        own = decision.own
        if own.limit.id != subject or own.limit.meter != subject:
            raise InputError("a budget's id, its meter and what it is stored under are one name", where, f"write {subject}")
        if subject in pack.meters and subject not in written:
            raise InputError(f"the pack has a meter '{subject}' already", where, "give the budget another id")
        if own.limit.unit != own.meter.unit:
            raise InputError(f"the limit is in {own.limit.unit}, its meter in {own.meter.unit}", where, "use one unit")
        if own.limit.amount is None or own.limit.kind not in (Kind.BUDGET, Kind.QUOTA) or own.limit.window is None:
            raise InputError(
                "a budget or quota has an amount and a window", where, "kind budget or quota, an amount, a window such as month"
            )
        if isinstance(own.meter, CostMeter) != (own.meter.unit == "usd"):
            raise InputError("a cost is in usd, a count in what it counts", where, "unit usd for kind cost")
        if isinstance(own.meter, CountMeter) and own.meter.of != {"seconds": "audio_seconds"}.get(own.meter.unit, own.meter.unit):
            raise InputError(f"{own.meter.of} are not counted in {own.meter.unit}", where, f"unit {_unit_of(own.meter)}")
        _check_by_user(own, where)
        return
    if decision.ended and subject in written:
        raise InputError("a limit of the pack cannot be ended here", where, "remove it from the pack, and reload")
    if decision.edit is not None and subject not in written:
        raise InputError(f"{pack.slug} has no limit '{subject[:60]}'", where, nearest(subject, written, "limits"))
    if decision.edit is not None:
        edited(pack, pack.limit_spec(subject), decision.edit)


def edited(pack: Pack, spec: LimitSpec, edit: LimitEdit) -> LimitSpec:
    """The limit with what was decided in place of what the pack says. Raises InputError for what would make it another kind of thing."""
    where = f"{pack.slug}.{spec.id}"
    given = {name: value for name in type(edit).model_fields if (value := getattr(edit, name)) is not None}
    if "amount" in given and spec.amount is None:
        raise InputError(
            "its amount is worked out from the pack", where, "change the objective, threshold or cost tier in the pack"
        )
    if edit.amount_per is not None and edit.amount_per != spec.amount_per:
        stated = f"for each of {spec.amount_per}" if spec.amount_per else "a sum, not for each of anything"
        raise InputError(f"its amount is {stated}", where, f"not {edit.amount_per[:60]}")
    if "amount_per" in edit.model_fields_set and edit.amount_per is None and spec.amount_per is not None:
        if edit.amount is None:
            raise InputError("a fixed sum in place of an amount for each needs its amount", where, "send amount too")
        spec = spec.model_copy(update={"amount_per": None})
    if "window" in given and (spec.window is None or spec.objective_percent is not None):
        raise InputError("it has no window that could be changed here", where, "change it in the pack")
    if "window" in given and spec.per_user and given["window"].rolling is not None:
        raise InputError("a limit of each user needs a calendar window", where, "for example day")
    return checked(LimitSpec, {**spec.model_dump(), **{name: _raw(value) for name, value in given.items()}}, where)


def laid(
    packs: Mapping[str, Pack], decisions: Sequence[Decision], now: datetime, mapping: Sequence[Any] = ()
) -> tuple[dict[str, Pack], list[Misfit]]:
    """The packs with the decisions in force at `now` laid over them, and the decisions that do not fit them.

    `decisions` are those that stand, in the order they take each other's place. `mapping` are the rules about whose usage is whose, for every pack.
    A pack about which nothing was decided is the same object as before.
    """
    by_pack: dict[str, dict[str, list[Decision]]] = {}
    for each in decisions:
        if each.valid_from <= now:
            by_pack.setdefault(each.platform, {}).setdefault(each.subject, []).append(each)
    found: dict[str, Pack] = {}
    misfits: list[Misfit] = []
    for slug, pack in packs.items():
        rules = tuple(rule for rule in mapping if rule.platform in ("", slug))
        if slug not in by_pack and rules == pack.mapping:
            found[slug] = pack
            continue
        found[slug] = _laid_over(pack, by_pack.get(slug, {}), now, rules, misfits)
    return found, misfits


def _laid_over(
    pack: Pack, subjects: Mapping[str, Sequence[Decision]], now: datetime, mapping: Sequence[Any], misfits: list[Misfit]
) -> Pack:
    limits: dict[str, LimitSpec] = {spec.id: spec for spec in pack.limits}
    meters: dict[str, Meter] = dict(pack.meters)
    amounts: dict[str, tuple[tuple[datetime, Decimal], ...]] = {}
    for subject, terms in subjects.items():
        written = limits.get(subject)
        history: list[tuple[datetime, Decimal]] = []
        # A budget that was not there left nothing, and what is for each of something is no sum.
        whole = written is not None and written.amount_per is None
        history.append((EVER, pack.amount_of(written) if written is not None and whole else Decimal(0)))
        spec, meter = written, None
        # Every change of what holds: where a decision begins, and where one ends before the next.
        for instant in sorted({edge for term in terms for edge in (term.valid_from, term.valid_to) if edge and edge <= now}):
            held = [term for term in terms if term.valid_from <= instant and (term.valid_to is None or instant < term.valid_to)]
            try:
                spec, meter = _as_decided(pack, subject, held[-1] if held else None, written)
            except InputError as error:
                misfits.append(Misfit(held[-1].id, f"{pack.slug}.{subject}", str(error)))
                spec, meter = written, None
            if spec is not None and spec.amount is not None:
                history.append((instant, spec.amount if spec.amount_per is None else Decimal(0)))
        if spec is None:
            limits.pop(subject, None)
        else:
            limits[subject] = spec
            amounts[subject] = tuple(history)
        if meter is not None:
            meters[subject] = meter
    return pack.laid(list(limits.values()), meters, amounts, mapping)


def _as_decided(
    pack: Pack, subject: str, term: Decision | None, written: LimitSpec | None
) -> tuple[LimitSpec | None, Meter | None]:
    if term is None:
        return written, None
    decision = decision_of(term.content, f"{pack.slug}.{subject}")
    if decision.ended:
        return None, None
    if decision.own is not None:
        check_decision(pack, subject, decision)
        return decision.own.limit, decision.own.meter
    if decision.edit is not None and written is not None:
        return edited(pack, written, decision.edit), None
    if decision.edit is not None:
        raise InputError("no pack has this limit any more", f"{pack.slug}.{subject}", "take the decision back")
    return written, None


def own_limit(pack: Pack, subject: str, limit: Mapping[str, Any], meter: Mapping[str, Any]) -> LimitDecision:
    """A budget of somebody's own from plain data, checked. Raises InputError."""
    where = f"{pack.slug}.{subject}"
    if not IDENT.fullmatch(subject):
        raise InputError(f"{subject[:60]!r} is not an id", where, "small letters, digits and underscores, a letter first")
    if subject in {spec.id for spec in pack.limits}:
        raise InputError(f"{pack.slug} has a limit '{subject}' already", where, "edit that one, or give yours another id")
    decision = decision_of({"own": {"limit": {**limit, "id": subject, "meter": subject}, "meter": dict(meter)}}, where)
    check_decision(pack, subject, decision)
    return decision


def _check_by_user(own: OwnLimit, where: str) -> None:
    asked = set(own.meter.where.given())
    by_user = own.limit.per_user or "user" in asked
    unknown = sorted(asked & (set(Where.model_fields) - set(BY_USER))) if by_user else []
    if unknown:
        raise InputError(f"use by user does not know the {unknown[0]}", where, f"of a user: {', '.join(BY_USER)}")
    if by_user and (own.limit.window is None or own.limit.window.period is None):
        raise InputError("use by user is counted in days, so it needs a calendar window", where, "for example day or month")
    if by_user and isinstance(own.meter, CountMeter) and own.meter.of == "audio_seconds":
        raise InputError("seconds of audio are not kept by user", where, "count requests")


def _unit_of(meter: CountMeter) -> str:
    return "seconds" if meter.of == "audio_seconds" else meter.of


def _raw(value: object) -> object:
    return value.model_dump() if isinstance(value, Strict) else value


IDENT = re.compile(r"[a-z][a-z0-9_]{0,59}")
EVER = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
"""Before anything was decided."""
