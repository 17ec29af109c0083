"""SLOs in words: objectives, windows, budgets, burn rates, and the sentence at the top of their page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from analytics.slo_burns import Burn
from dashboards import wording
from dashboards.slo_rows import Recovery, SloRow, allowed_words
from roomleft.limits import State
from roomleft.slo_windows import AlignedWindow
from roomleft.slos import Method, Slo, plain, span_text
from roomleft.timespan import Period


def objective_words(slo: Slo) -> str:
    """`99.9 %`."""
    return f"{plain(100 * slo.objective)} %"


def window_words(slo: Slo) -> str:
    """`30 d rolling`, `1 month from 1 Jan 12:00, America/New_York`."""
    window = slo.window
    if isinstance(window, AlignedWindow):
        return f"{window.length.words()} from {window.starts:%-d %b %H:%M}, {window.zone.key}"
    if window.period is Period.ROLLING:
        return f"{span_text(slo.period)} rolling"
    return f"calendar {window.period.value}, {window.zone.key}"


def counted_words(slo: Slo) -> str:
    """What is counted."""
    if slo.method is Method.OCCURRENCES or slo.slice_window is None:
        return ""
    return f"slices of {span_text(slo.slice_window)}"


def left_words(row: SloRow) -> str:
    """`61 %`, `−12 %`, `unknown`."""
    left = row.budget.left
    if left is None:
        return "unknown"
    return wording.percent(left, 0 if abs(left) >= 0.1 else 1)


def spent_words(row: SloRow) -> str:
    """`16.8 of 43.2 min gone`."""
    if row.budget.left is None:
        return row.words
    bad, allowed = allowed_words(row)
    if row.unit == "minutes":
        return f"{wording.count(round(bad, 1))} of {wording.count(round(allowed, 1))} min gone"
    return (
        f"{wording.count(round(bad))} of {wording.count(round(allowed))} {'bad ' if row.unit == 'events' else ''}{row.unit} gone"
    )


def rate_words(burn: Burn, slo: Slo) -> str:
    """`0.4×`."""
    if burn.unknown is not None:
        return "–"
    rate = burn.rate(slo)
    return f"{rate:.1f}×" if rate < 100 else f"{rate:,.0f}×"


def lasts_words(slo: Slo, burn: Burn, left: float | None) -> str:
    """How long what is left lasts at this rate."""
    rate = burn.rate(slo) if burn.unknown is None else 0.0
    if left is None or left <= 0 or rate <= 1:
        return ""
    return f"gone in {wording.age(slo.period * left / rate)} at this rate"


def verdict(rows: Sequence[SloRow]) -> str:
    """The sentence at the top."""
    if not rows:
        return "No SLO is in force."
    counts = Counter(row.state for row in rows)
    gone, tight, unknown = counts[State.EXHAUSTED], counts[State.TIGHT], counts[State.UNKNOWN]
    said = []
    if gone:
        said.append(f"{wording.plural(gone, 'error budget')} {'is' if gone == 1 else 'are'} used up")
    if tight:
        said.append(
            f"{tight} more {'is' if tight == 1 else 'are'} tight"
            if gone
            else f"{wording.plural(tight, 'error budget')} {'is' if tight == 1 else 'are'} tight"
        )
    if unknown:
        said.append(f"of {unknown} nobody knows" if said else f"of {wording.plural(unknown, 'SLO')} nobody knows how it stands")
    if not said:
        return f"Every error budget holds: {wording.plural(len(rows), 'SLO')}."
    words = "; ".join(said)
    return f"{words[:1].upper()}{words[1:]}."


def recovery_words(each: Recovery) -> str:
    """`3 critical incidents: median 12 min, mean 18 min; 1 open`."""
    going_on = f"; {each.open} open" if each.open else ""
    if each.median is None or each.mean is None:
        return f"no critical incident was over in 30 d{going_on}"
    return f"{wording.plural(each.incidents, 'critical incident')}: median {wording.age(each.median)}, mean {wording.age(each.mean)}{going_on}"


def took_words(row: SloRow, bad: float, share: float | None) -> str:
    """`12 min, 28 % of the budget`."""
    amount = f"{wording.count(round(bad, 1))} min" if row.unit == "minutes" else f"{wording.count(round(bad))} {row.unit}"
    return f"{amount}, {wording.percent(share, 0 if share >= 0.1 else 1)} of the budget" if share is not None else amount


def lasted_words(span: timedelta | None) -> str:
    """`14 min`, or that it goes on."""
    return "goes on" if span is None else wording.age(span)
