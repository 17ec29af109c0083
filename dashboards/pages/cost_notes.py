"""What stands beside a cost: how sure it is, what is left out, stale prices, and why there is nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import html

from analytics.catalogue import PriceList
from analytics.ledger import Costs
from dashboards import wording
from dashboards.components import states
from dashboards.components.marks import badge, link
from dashboards.cost_asked import FILTERS
from dashboards.cost_tables import WORDS
from dashboards.filters import FUTURE, Filters
from dashboards.stale_prices import stale_words
from roomleft.money import usd

PROVISIONAL = "Late events, self-hosted models whose day is not over and providers' reports may still change the last 48 hours"


def sure_marks(told: Costs, filters: Filters) -> list[Any]:
    """The badges of a figure that may change or has changed."""
    total, marks = told.total, []
    if total.unpriced_requests:
        tokens = f", {wording.count(total.unpriced_tokens)} tokens" if total.unpriced_tokens else ""
        words = f"at least: {total.unpriced_requests:,} of {wording.plural(total.requests, 'call')} unpriced{tokens}"
        title = "No price is known for them, so they count nothing here: which models, on the Prices page"
        marks.append(link(words, filters.href("/prices"), "badge warn", title=title))
    if told.reading:
        title = "What a source has not given yet is missing here: the Sources page says how far each is read"
        marks.append(link("provisional: history is still being read", filters.href("/sources"), "badge warn", title=title))
    elif told.provisional:
        some = f" ({usd(told.provisional_usd)} of AI usage)" if told.provisional_usd else ""
        marks.append(badge("provisional", title=f"{PROVISIONAL}{some}"))
    if told.restated:
        marks.append(
            badge("restated", title=f"{wording.plural(total.restated_requests or 0, 'call')} priced again since first shown")
        )
    return marks


def left_out(told: Costs) -> Any:
    """What a filter keeps away only because infrastructure is not split by it."""
    if told.left_out is None:
        return None
    names = " or ".join(WORDS[name] for name in told.left_out.dimensions)
    return states.note(f"Infrastructure is not split by {names}: {usd(told.left_out.usd)} left out under this filter.")


def stale_note(stale: Sequence[PriceList], filters: Filters) -> Any:
    """Which price lists nobody compared with the providers' for long; nothing where all are fresh."""
    if not stale:
        return None
    return states.note([f"{stale_words(stale)} ", link("Prices", filters.href("/prices"))])


def nothing(span: Mapping[str, Any], filters: Filters, now: datetime) -> html.Div:
    """Why there is no cost in the range, and where there is some."""
    whose = filters.platform or "any platform"
    if span["last_at"] is None:
        return states.empty(
            f"No AI usage of {whose} has arrived yet.",
            [link("Sources", filters.href("/sources"), "button")],
            then="Connect a source, or import a file: bin/roomleft import FILE --as usage.",
        )
    first, last = (wording.moment(span[name], now, filters.zone) for name in ("first_at", "last_at"))
    actions = [link("Last 90 d", filters.href(range="90d"), "button")]
    if any(filters.values(name) for name in FILTERS):
        actions.append(link("Clear filters", filters.href(**dict.fromkeys(FILTERS)), "button"))
    return states.empty(
        f"No AI usage in this range under these filters. There is some of {whose} from {first} to {last}.", actions
    )


def ahead(filters: Filters) -> html.Div:
    """In place of sums of a range that lies in the future."""
    return states.empty(f"{FUTURE}.", [link("This month", filters.href(range=None), "button")])
