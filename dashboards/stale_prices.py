"""Price lists that nobody compared with the providers' own for long: the same words on the Cost page and in the reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from analytics.catalogue import PriceList
from dashboards import wording

NAMED = 4


def stale_of(lists: Iterable[PriceList], used: Collection[str], others: Collection[str]) -> list[PriceList]:
    """The stale ones of providers in use; `others` are platforms that are not asked about: a pack's own prices bind only its platform."""
    return [each for each in lists if each.stale and each.provider in used and each.catalogue.partition("@")[0] not in others]


def stale_words(stale: Sequence[PriceList]) -> str:
    """`1 price list was last compared with the provider's own long ago (on 12 Sep 2026): prices of gemini may have changed.` Empty where all are fresh."""
    if not stale:
        return ""
    oldest = min(each.checked_on for each in stale)
    lists, providers = len({each.catalogue for each in stale}), sorted({each.provider for each in stale})
    names = ", ".join(providers[:NAMED]) + (" and others" if len(providers) > NAMED else "")
    since = f"{'was' if lists == 1 else 'were'} last compared with the provider's own long ago ({'on' if lists == 1 else 'the oldest on'}"
    return f"{wording.plural(lists, 'price list')} {since} {oldest:%-d %b %Y}): prices of {names} may have changed."
