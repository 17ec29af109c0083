"""Values that a new budget would count and no usage has had: a misspelt feature counts nothing, and nobody would notice."""

from __future__ import annotations

from datetime import datetime, timedelta

from dashboards.cost_books import books_of
from dashboards.parts import Parts
from roomleft.errors import InputError
from roomleft.packs_meters import Where
from roomleft.packs_yaml import nearest

LOOKED_AT = timedelta(days=400)
MOST = 100_000
COLUMN = {"api_key": "api_key_hash"}


def unseen(parts: Parts, platform: str, where: Where, now: datetime) -> dict[str, tuple[list[str], list[str]]]:
    """By key of `where`: the values no usage of the platform has had, and those it has had. Users are not looked up. Raises StoreError."""
    asked = {key: values for key, values in where.given().items() if key != "user"}
    if not asked:
        return {}
    seen = books_of(parts).values(now - LOOKED_AT, now, [platform], MOST)
    found = {}
    for key, values in asked.items():
        had = seen.get(COLUMN.get(key, key))
        missing = [value for value in values if had is not None and value not in had]
        if missing:
            found[key] = (missing, [value for value in had or [] if value])
    return found


def refuse_unseen(parts: Parts, platform: str, where: Where, even_if: bool) -> None:
    """Ask back about values that no usage has had. Raises InputError."""
    if even_if:
        return
    found = unseen(parts, platform, where, parts.clock.now())
    if not found:
        return
    said = "; ".join(
        f"{key.replace('_', ' ')} {', '.join(value[:60] for value in missing)}" for key, (missing, _) in found.items()
    )
    key, (missing, had) = next(iter(found.items()))
    near = nearest(missing[0], had, f"{key.replace('_', ' ')}s") if had else f"no usage says a {key.replace('_', ' ')}"
    raise InputError(
        f"no usage of {platform} has had: {said}",
        f"meter.where.{key}",
        f"{near}; correct it, or send even_if_unseen to keep the budget for usage to come",
    )
