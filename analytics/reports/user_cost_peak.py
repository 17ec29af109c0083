"""Whether a call was at peak, by the hours a pack gives."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from roomleft.packs_parts import PeakHours


def at_peak(at: datetime, peak: PeakHours) -> bool:
    """Whether an instant lies in [begin, end) of its local day; hours that end before they begin go over midnight."""
    hour = at.astimezone(ZoneInfo(peak.zone)).hour
    if peak.begin < peak.end:
        return peak.begin <= hour < peak.end
    return hour >= peak.begin or hour < peak.end
