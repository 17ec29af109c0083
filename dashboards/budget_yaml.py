"""What was decided about limits in the app as YAML that can be put into the packs, so that an installation can be written down and kept elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel

from dashboards.budget_rows import without_users
from dashboards.door.asking import may_see_users
from roomleft.credits import Credit
from roomleft.packs import Pack
from roomleft.packs_write import flow, span_text

HEAD = (
    "# Budgets and limits as decided in the app, in force at {at}.",
    "# Each part goes into the pack of its platform: meters and limits in place of those of the same id, or beside the others.",
)


def budgets_yaml(
    written: Mapping[str, Pack],
    in_force: Mapping[str, Pack],
    credits: Sequence[Credit],
    now: datetime,
    platform: str | None = None,
) -> str:
    """One YAML document a platform with the limits that differ from its file, and one with the credits, which packs do not have."""
    documents = []
    for slug, pack in in_force.items():
        if platform not in (None, slug):
            continue
        before = {spec.id: spec for spec in written[slug].limits} if slug in written else {}
        changed = [spec for spec in pack.limits if before.get(spec.id) != spec]
        if not changed:
            continue
        known = written[slug].meters if slug in written else {}
        meters = {spec.meter: pack.meters[spec.meter] for spec in changed if known.get(spec.meter) != pack.meters[spec.meter]}
        lines = [f"# packs/{slug}.yaml"]
        if meters:
            lines += ["meters:", *(f"  {name}: {flow(_meter(meter))}" for name, meter in meters.items())]
        lines.append("limits:")
        for spec in changed:
            entries = [f"{key}: {flow(value)}" for key, value in _data(spec).items()]
            lines += [f"  {'- ' if place == 0 else '  '}{line}" for place, line in enumerate(entries)]
        documents.append("\n".join(lines))
    if credits and platform is None:
        lines = ["# Prepaid credits: packs have none, they are kept in the app.", "credits:"]
        for credit in credits:
            entry = {"id": credit.name, **({"platform": credit.platform} if credit.platform else {}), **_data(credit.spec)}
            lines.append(f"  - {flow(entry)}")
        documents.append("\n".join(lines))
    head = "\n".join(HEAD).format(at=f"{now:%Y-%m-%d %H:%M:%S} UTC")
    return head + "\n" + ("\n---\n".join(documents) if documents else "# Nothing differs from the packs.") + "\n"


def _meter(model: BaseModel) -> Any:
    """A meter as a pack writes it; the users it counts are named to those who may see what single users cost."""
    told = _data(model)
    return told if may_see_users() else without_users(told)


def _data(model: BaseModel) -> dict[str, Any]:
    """A model as a pack writes it: only what was given."""
    found = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        default = type(model).model_fields[name].get_default(call_default_factory=True)
        if value == default and name not in ("kind", "id"):
            continue
        found[name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _data(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 10**15 else value
    if isinstance(value, timedelta):
        return span_text(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
