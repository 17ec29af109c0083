"""Whether an SLO's budget burns too fast, with care where few events were seen.

A pair holds when the share of bad events is above its line in the long window and in the short one. Where the long window holds so few events
that fewer than ten of them could be bad before the line is passed, chance alone passes it: one failure of ten calls. There the lower end of the
95 % interval must be above the line, and two events or more be bad; and as a steady burn at low traffic is never seen in one window, longer ones
(up to three days, or the SLO's window) are asked the same. The short window, a twelfth of the long one, then grows until it holds an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from analytics.slo_burns import Burn, SloView, burns
from roomleft.findings import Unknown
from roomleft.rules_when import BurnIs
from roomleft.slos import DAY, HOUR, BurnPair, Events, Method, Slo, pairs_asked, plain, span_text

LADDER = (HOUR, 6 * HOUR, DAY, 3 * DAY)
TELLS = 10
"""So many events must be able to be bad before a line is passed for their share to be taken as it is."""
FEWEST_BAD = 2
SHORT_OF = 12


@dataclass(frozen=True, slots=True)
class Burning:
    """Whether a pair holds: None when it cannot be told. `rate` is the burn rate of the long window, `line` the factor it is compared with."""

    holds: bool | None
    rate: float = 0.0
    line: Decimal = Decimal(0)
    unknown: Unknown | None = None
    words: str = ""
    observed_at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def windows_asked(slo: Slo, pairs: Iterable[BurnPair]) -> list[timedelta]:
    """Every window that judging these pairs may need."""
    found: dict[timedelta, None] = {}
    for pair in pairs:
        for long, short in _rungs(slo, pair):
            found[long] = found[short] = None
    return sorted(found)


def burning(view: SloView, conditions: Sequence[tuple[Slo, BurnIs]], at: datetime) -> list[Burning]:
    """Each condition, judged; one batch of queries for all of them. Raises StoreError; PackError for a pair that can never hold."""
    pairs = [pairs_asked(slo, when) for slo, when in conditions]
    asks = [(slo.slo_id, window) for (slo, _), each in zip(conditions, pairs, strict=True) for window in windows_asked(slo, each)]
    found = burns(view, asks, at)
    return [
        judge(slo, each, {window: found[slo.slo_id, window] for window in windows_asked(slo, each)}, when.min_events)
        for (slo, when), each in zip(conditions, pairs, strict=True)
    ]


def judge(slo: Slo, pairs: Sequence[BurnPair], found: Mapping[timedelta, Burn], min_events: int | None = None) -> Burning:
    """What the pairs come to: the first that holds, else the one nearest to its line. `found` holds every window of `windows_asked`.

    `min_events`: how many events of the long window are enough to take their share as it is, in place of as many as could make TELLS bad ones.
    """
    judged = [_pair(slo, pair, found, min_events) for pair in pairs]
    for one in judged:
        if one.holds:
            return one
    for one in judged:
        if one.holds is None:
            return one
    return max(judged, key=lambda one: one.rate / float(one.line))


def _rungs(slo: Slo, pair: BurnPair) -> list[tuple[timedelta, timedelta]]:
    """The pair's windows, and the longer ones that low traffic may need."""
    rungs = [(pair.long, pair.short)]
    if slo.method is Method.OCCURRENCES and isinstance(slo.indicator, Events):
        rungs += [(long, long / SHORT_OF) for long in LADDER if pair.long < long < slo.period]
    return rungs


def _pair(slo: Slo, pair: BurnPair, found: Mapping[timedelta, Burn], min_events: int | None) -> Burning:
    line = float(pair.line(slo.objective))
    long = found[pair.long]
    if long.unknown is not None:
        return Burning(None, 0.0, pair.factor, long.unknown, long.words, long.observed_at)
    told = _told(long, line, min_events)
    if told:
        short = found[pair.short]
        return _said(slo, pair, long, short, bool(long.ratio > line and short.ratio > line), "")
    for window, short_window in _rungs(slo, pair):
        each = found[window]
        if each.unknown is None and each.bad >= FEWEST_BAD and each.low > line:
            short = _with_events(found, short_window, window)
            return _said(slo, pair, each, short, short.ratio > line, _few(each))
        if each.unknown is None and window > pair.long and _told(each, line, min_events):
            break
    return _said(slo, pair, long, found[pair.short], False, _few(long))


def _told(burn: Burn, line: float, min_events: int | None) -> bool:
    if not burn.sampled:
        return True
    return burn.total >= min_events if min_events is not None else burn.total * line >= TELLS


def _with_events(found: Mapping[timedelta, Burn], short: timedelta, long: timedelta) -> Burn:
    """The short window, or the next longer one that something happened in."""
    for window in sorted(each for each in found if short <= each <= long):
        if found[window].unknown is None and found[window].total > 0:
            return found[window]
    return found[long]


def _few(burn: Burn) -> str:
    return f"few events: {burn.total:.10g} in {span_text(burn.window)}, at least {burn.low:.2%} bad with 95 % confidence"


def _said(slo: Slo, pair: BurnPair, long: Burn, short: Burn, holds: bool, words: str) -> Burning:
    rate = long.rate(slo)
    facts = {
        "slo": slo.slo_id,
        "objective": f"{plain(100 * slo.objective)} %",
        "window": span_text(long.window),
        "short_window": span_text(short.window),
        "bad": f"{long.bad:.10g}",
        "total": f"{long.total:.10g}",
        "ratio": f"{long.ratio:.4%}",
        "burn_rate": f"{rate:.3g}",
        "short_burn_rate": f"{short.rate(slo):.3g}",
        "factor": plain(pair.factor),
        "budget_percent": plain(pair.budget_percent),
        "exhausts_in": span_text_of_hours(slo, rate),
    }
    return Burning(holds, rate, pair.factor, None, words, long.observed_at, facts)


def span_text_of_hours(slo: Slo, rate: float) -> str:
    """How long a whole budget lasts at a burn rate: `50 h`."""
    if rate <= 0:
        return ""
    hours = slo.period / timedelta(hours=1) / rate
    return f"{hours:.0f} h" if hours >= 2 else f"{hours * 60:.0f} min"
