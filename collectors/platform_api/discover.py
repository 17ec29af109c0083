"""A first look at a platform's own API: which routes it has, its components, its series, and the limits that follow from them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from collectors.discover_usage import COMPONENT, usage_parts
from collectors.fetch import Fetcher
from collectors.found import Found
from collectors.platform_api.source import PAGED, PlatformApi, SourceConfig
from collectors.records.refused import Normalised
from roomleft.errors import CollectError
from roomleft.packs_fields import UNITS

FIRST_PAGE = 1000
MOST_SIGNALS = 40
BUSINESS_DAYS = timedelta(days=30)
SUFFIXES = {
    "ms": "ms", "seconds": "seconds", "s": "seconds", "ratio": "ratio", "percent": "percent", "bytes": "bytes", "usd": "usd", "fps": "fps",
    "minutes": "minutes", "hours": "hours", "days": "days",
}  # fmt: skip
ACRONYMS = frozenset(("ai", "api", "cdn", "cpu", "db", "gpu", "http", "io", "llm", "ram", "sql", "ssl", "tls"))
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:@-]{0,99}")
"""What a pack takes for a component or series."""


@dataclass(frozen=True, slots=True)
class PlatformFound:
    """What a platform's API offers: parts of a pack, and the components that they speak of."""

    found: Found
    components: tuple[dict[str, Any], ...]


def discover_platform_api(config: SourceConfig, now: datetime, budget_usd: Decimal | None = None) -> PlatformFound:
    """Read the contract, the health and the first page of every stream. Raises CollectError when the API does not answer as one."""
    config = replace(config, patience=replace(config.patience, attempts=1))
    fetcher = Fetcher(config.url, config.token, config.patience)
    api = PlatformApi(config, fetcher)
    try:
        health = api.health(now)
        lines = [_contract(fetcher), _told(health)]
        pages: dict[str, Normalised] = {}
        warnings: list[str] = []
        for stream in PAGED:
            _try(stream, lambda stream=stream: _page(api, stream, now), pages, lines, warnings)  # type: ignore[misc]
        _try("business", lambda: (api.business((now - BUSINESS_DAYS).date(), now.date(), now), ""), pages, lines, warnings)
    finally:
        fetcher.close()
    components = _components(config.platform, health, pages)
    parts = [_availability(config.platform, health), _signals(pages.get("samples"), {each["id"] for each in components})]
    if "usage" in pages:
        parts.append(usage_parts(budget_usd, seen=_models(pages["usage"])))
    whole = Found(
        tuple(lines),
        {name: meter for part in parts for name, meter in part.meters.items()},
        tuple(limit for part in parts for limit in part.limits),
        tuple(signal for part in parts for signal in part.signals),
        (*warnings, *(warning for part in parts for warning in part.warnings)),
    )
    return PlatformFound(whole, tuple(components))


def _contract(fetcher: Fetcher) -> str:
    try:
        info = fetcher.get("/openapi.json").get("info")
    except CollectError as error:
        return f"no contract at /openapi.json ({error.what}); going by docs/platform-api.md"
    said = info if isinstance(info, Mapping) else {}
    return f"{said.get('title', 'an API')} {said.get('version', '')}".strip()[:200]


def _told(health: Normalised) -> str:
    rows = health.rows.select(("check_name", "status")).to_pylist()
    overall = next((row["status"] for row in rows if row["check_name"] == "overall"), "unknown")
    return f"health: {overall}, {len(rows) - 1} checks"


def _try(
    stream: str,
    read: Callable[[], tuple[Normalised, str]],
    pages: dict[str, Normalised],
    lines: list[str],
    warnings: list[str],
) -> None:
    """Read a stream that a platform need not offer. A wrong token has been told by /health already, so whatever fails here is its own."""
    try:
        page, span = read()
    except CollectError as error:
        warnings.append(f"{stream} is not read: {error.what}" + (f" ({error.hint})" if error.hint else ""))
        return
    pages[stream] = page
    refused = f", {page.rejected.num_rows:,} refused" if page.rejected.num_rows else ""
    lines.append(f"{stream}: {page.rows.num_rows:,} records in a first look{refused}{span}")
    if page.rejected.num_rows:
        first = page.rejected.slice(0, 1).to_pylist()[0]
        warnings.append(
            f"{stream}: {page.rejected.num_rows:,} records are refused, the first for {first['field']}: {first['reason']}"
        )


def _page(api: PlatformApi, stream: str, now: datetime) -> tuple[Normalised, str]:
    page = api.read_stream(stream, None, FIRST_PAGE)
    span = f", since {page.oldest_at:%d %b %Y}" if page.oldest_at else ""
    return api.normalised(stream, page.records, now), span + (" and more" if page.more else "")


def _components(slug: str, health: Normalised, pages: Mapping[str, Normalised]) -> list[dict[str, Any]]:
    """Every component that the checks and the series speak of, checks first."""
    names = [str(name) for name in health.rows.column("component").to_pylist() if name != slug]
    if "samples" in pages:
        names += [str(name) for name in pages["samples"].rows.column("component").to_pylist()]
    if "usage" in pages:
        names.append(COMPONENT)
    checks = health.rows.column("component").to_pylist()
    found = []
    for name in dict.fromkeys(names):
        if NAME.fullmatch(name):
            count = checks.count(name)
            summary = f"{count} health check{'' if count == 1 else 's'}" if count else "Known by its readings"
            found.append(
                {"id": name, "title": _title(name), "summary": "AI calls" if name == COMPONENT and not count else summary}
            )
    return found


def _availability(slug: str, health: Normalised) -> Found:
    checked = [
        name for name in dict.fromkeys(health.rows.column("component").to_pylist()) if name != slug and NAME.fullmatch(str(name))
    ]
    if not checked:
        return Found(())
    meter = {"kind": "failing_minutes", "title": "Minutes with a failing check", "unit": "minutes", "components": checked}
    limit = {
        "id": "availability",
        "kind": "slo",
        "title": "Every check passes, 99.9 %",
        "component": checked[0],
        "objective_percent": "99.9",
        "unit": "minutes",
        "meter": "failing_minutes",
        "window": {"rolling": timedelta(days=30)},
        "owner": "you",
        "assumed": True,
        "state": "today",
    }
    return Found((), {"failing_minutes": meter}, (limit,))


def _signals(samples: Normalised | None, components: set[str]) -> Found:
    """A chart for each series, by the label that tells most of its lines apart."""
    if samples is None:
        return Found(())
    labels: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in samples.rows.select(("component", "name", "labels")).to_pylist():
        each = labels[row["component"], row["name"]]
        for name, value in row["labels"] or ():
            each[name].add(value)
    signals = []
    for (component, name), values in sorted(labels.items()):
        if component not in components or not NAME.fullmatch(name):
            continue
        signal: dict[str, Any] = {"component": component, "title": _title(name), "series": name, "unit": unit_of(name)}
        if name.endswith("_total"):
            rate = "bytes_per_second" if signal["unit"] == "bytes" else "operations_per_second"
            signal |= {"unit": rate, "show": "rate_per_second", "across": "sum"}
        by = max(values, key=lambda label: (len(values[label]), label), default=None)
        if by is not None and len(values[by]) > 1 and NAME.fullmatch(by):
            signal["by"] = by
        signals.append(signal)
    lines = (f"{len(signals)} series",) + (
        (f"charts for the first {MOST_SIGNALS} of them",) if len(signals) > MOST_SIGNALS else ()
    )
    return Found(lines, {}, (), tuple(signals[:MOST_SIGNALS]))


def _models(usage: Normalised) -> set[tuple[str, str]]:
    rows = usage.rows.select(("provider", "model")).to_pylist()
    return {(str(row["provider"]), str(row["model"])) for row in rows if row["provider"] and row["model"]}


def unit_of(name: str) -> str:
    """The unit that a series' name ends with, as its writer named it; events where it says none."""
    words = name.removesuffix("_total").rstrip("_").split("_")
    for count in (3, 2, 1):
        if (tail := "_".join(words[-count:])) in UNITS:
            return tail
    named = [SUFFIXES.get(word) or (word if word in UNITS else None) for word in reversed(words[-2:])]
    return next((unit for unit in named if unit), "events")


def _title(name: str) -> str:
    """A name in words, without the unit that the axis shows."""
    words = [word for word in re.split(r"[_./:@-]+", name.removesuffix("_total")) if word]
    if len(words) > 1 and words[-1] in SUFFIXES:
        words.pop()
    spelt = " ".join(word.upper() if word.lower() in ACRONYMS else word for word in words)
    return (spelt[:1].upper() + spelt[1:])[:100] or name
