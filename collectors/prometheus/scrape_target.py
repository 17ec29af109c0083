"""A page to scrape: where it is, how often, and what its series are called once they are here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from collectors.prometheus.exposition.page import Labels
from roomleft.packs_sources import PrometheusSource

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """One page. `token` is sent as a bearer token to `url`'s host and to no other, and is in no text of ours."""

    platform: str
    name: str
    component: str
    url: str
    interval: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(seconds=10)
    labels: Mapping[str, str] = field(default_factory=dict)
    honor_labels: bool = False
    honor_timestamps: bool = True
    max_series: int = 50_000
    max_bytes: int = 32_000_000
    token: str | None = field(default=None, repr=False)

    @property
    def source(self) -> str:
        """`<slug>.<name>`: the name under which its readings, cursors and faults are recorded."""
        return f"{self.platform}.{self.name}"

    @property
    def where(self) -> str:
        """The address for people: without credentials and without a query, which may hold some."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{self.instance}{parts.path}"

    @property
    def instance(self) -> str:
        """`host:port`."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        return f"{f'[{host}]' if ':' in host else host}:{parts.port or DEFAULT_PORTS.get(parts.scheme, 0)}"

    @property
    def own_labels(self) -> dict[str, str]:
        """The labels that every series of the target carries."""
        return {**self.labels, "instance": self.instance, "source": self.name}


def target_of(platform: str, entry: PrometheusSource, token: str | None = None) -> ScrapeTarget:
    """The target that an entry of a pack's `sources:` names."""
    return ScrapeTarget(
        platform=platform,
        name=entry.name,
        component=entry.component,
        url=entry.url,
        interval=entry.interval,
        timeout=entry.timeout,
        labels=dict(entry.labels),
        honor_labels=entry.honor_labels,
        honor_timestamps=entry.honor_timestamps,
        max_series=entry.max_series,
        max_bytes=entry.max_bytes,
        token=token,
    )


def stored_labels(exposed: Labels, own: Mapping[str, str], *, honor: bool) -> Iterable[tuple[str, str]]:
    """The labels a series is stored with: those on the page, and the target's own.

    Where both name a label, the page's is renamed `exported_…`, or with `honor` wins.
    """
    if not own.keys() & (names := {name for name, _ in exposed}):
        return (*exposed, *own.items())
    if honor:
        return {**own, **dict(exposed)}.items()
    kept = {name: value for name, value in exposed if name not in own}
    for name, value in exposed:
        if name in own:
            renamed = f"exported_{name}"
            while renamed in kept or renamed in own or renamed in names:
                renamed = f"exported_{renamed}"
            kept[renamed] = value
    return {**kept, **own}.items()
