"""Which alerts' stretches belong on a chart: those about the limit it draws, or about money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.alert_rows import Firing
from roomleft.limits import Limit
from roomleft.packs import Pack


def about_limit(firings: Iterable[Firing], limit: Limit) -> list[Firing]:
    """The stretches of alerts on this very limit or on what it is measured by."""
    return [each for each in firings if each.platform == limit.platform and _is_about(each, {limit.limit_id}, {limit.meter_id})]


@dataclass(frozen=True, slots=True)
class Happened:
    """Deploys and alerts' stretches of every platform over the time that charts go back."""

    deploys: Sequence[Mapping[str, Any]] = ()
    firings: Sequence[Firing] = ()

    def deploys_of(self, limit: Limit) -> list[Mapping[str, Any]]:
        """Those of the limit's platform."""
        return [each for each in self.deploys if each["platform"] == limit.platform]

    def firings_of(self, limit: Limit) -> list[Firing]:
        """Those about the limit."""
        return about_limit(self.firings, limit)


NOTHING = Happened()


def about_money(firings: Iterable[Firing], pack: Pack) -> list[Firing]:
    """The stretches of alerts on a platform's limits in dollars."""
    own = [spec for spec in pack.limits if spec.unit.startswith("usd")]
    ids, meters = {f"{pack.slug}.{spec.id}" for spec in own}, {spec.meter for spec in own}
    return [each for each in firings if each.platform == pack.slug and _is_about(each, ids, meters)]


def _is_about(each: Firing, limit_ids: set[str], meters: set[str]) -> bool:
    short: Sequence[str] = [limit_id.partition(".")[2] for limit_id in limit_ids]
    return each.labels.get("limit_id") in limit_ids or bool(each.about & {*limit_ids, *short, *meters})
