"""A first look at a Prometheus server: what it watches, and the limits that follow from the exporters it is known to scrape.

A recipe is kept only if the server answers its query with something, so a pack never begins with limits that are unknown for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collectors.fetch import Fetcher, Patience
from collectors.found import Found
from collectors.prometheus.answers import QueryFault, ask
from collectors.prometheus.server import retention, series_name
from roomleft.errors import CollectError
from roomleft.packs_sources import PrometheusServerSource

DISK = '{fstype!~"tmpfs|ramfs|squashfs|overlay|iso9660|nsfs"}'


@dataclass(frozen=True, slots=True)
class Recipe:
    """A question worth asking: a query, its unit, the line it should not cross, and the label that tells its series apart."""

    meter_id: str
    title: str
    query: str
    unit: str
    by: str | None = None
    across: str = "max"
    amount: str | None = None
    kind: str = "capacity"
    floor: bool = False
    tight_below: str = "0.1"
    step: str | None = None


RECIPES = (
    Recipe(
        "disk_use",
        "Fullest file system",
        f"100 * (node_filesystem_size_bytes{DISK} - node_filesystem_free_bytes{DISK})"
        f" / (node_filesystem_size_bytes{DISK} - node_filesystem_free_bytes{DISK} + node_filesystem_avail_bytes{DISK})",
        "percent",
        "mountpoint",
        amount="90",
    ),
    Recipe(
        "inode_use",
        "Inodes of the fullest file system",
        f"100 * (1 - node_filesystem_files_free{DISK} / (node_filesystem_files{DISK} > 0))",
        "percent",
        "mountpoint",
        amount="90",
    ),
    Recipe(
        "memory_use", "Memory of the fullest host", "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)", "percent", "instance", amount="90"
    ),
    Recipe(
        "cpu_use",
        "CPU of the busiest host",
        '100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))',
        "percent",
        "instance",
        amount="80",
    ),
    Recipe("open_files", "Open files of a process", "100 * process_open_fds / process_max_fds", "percent", "instance", amount="80"),
    Recipe(
        "connection_tracking",
        "Tracked connections",
        "100 * node_nf_conntrack_entries / node_nf_conntrack_entries_limit",
        "percent",
        "instance",
        amount="80",
    ),
    Recipe(
        "volume_use",
        "Fullest Kubernetes volume",
        "100 * kubelet_volume_stats_used_bytes / kubelet_volume_stats_capacity_bytes",
        "percent",
        "persistentvolumeclaim",
        amount="90",
    ),
    Recipe(
        "container_memory",
        "Container nearest its memory limit",
        '100 * container_memory_working_set_bytes{container!=""} / (container_spec_memory_limit_bytes{container!=""} > 0)',
        "percent",
        "container",
        amount="90",
    ),
    Recipe(
        "postgres_connections",
        "PostgreSQL connections",
        "100 * sum by (instance) (pg_stat_activity_count) / min by (instance) (pg_settings_max_connections)",
        "percent",
        "instance",
        amount="80",
    ),
    Recipe(
        "redis_memory",
        "Redis memory",
        "100 * redis_memory_used_bytes / (redis_memory_max_bytes > 0)",
        "percent",
        "instance",
        amount="90",
    ),
    Recipe(
        "http_errors",
        "HTTP answers of 500 and above",
        '100 * (sum(rate(http_requests_total{code=~"5.."}[5m])) or vector(0)) / (sum(rate(http_requests_total[5m])) > 0)',
        "percent",
        across="mean",
        amount="1",
        kind="ratio",
    ),
    Recipe("targets_up", "Targets that answer", "100 * avg(up)", "percent", across="mean", amount="99", kind="ratio", floor=True, tight_below="0.005"),
    Recipe("load", "Load of a core", "node_load5 / on (instance) count by (instance) (node_cpu_seconds_total{mode=\"idle\"})", "ratio", "instance"),
    Recipe("llm_tokens", "LLM tokens a second", "sum(rate(litellm_total_tokens_metric_total[5m]))", "tokens", across="sum"),
    Recipe("gpu_use", "GPU use", "DCGM_FI_DEV_GPU_UTIL", "percent", "gpu", amount="95"),
    Recipe("gpu_memory", "GPU memory", "100 * DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)", "percent", "gpu", amount="95"),
)  # fmt: skip


def discover(entry: PrometheusServerSource, secret: str | None, now: datetime) -> Found:
    """Ask the server what it is and which recipes it can answer. Raises CollectError when it is no Prometheus server, or not there."""
    url = entry.url.rstrip("/")
    timeout_s = entry.timeout.total_seconds()
    fetcher = Fetcher(url, secret or "", Patience(read_timeout_s=timeout_s, total_timeout_s=timeout_s, attempts=1))
    try:
        series = _instant(fetcher, 'count({__name__!=""})', now, url)
        lines = [*_itself(fetcher, url), f"{_first(series):,.0f} series", *_targets(fetcher, url)]
        known = [(recipe, found) for recipe in RECIPES if (found := _answer(fetcher, recipe, now, url))]
        lines += [f"{recipe.title}: {_reading(recipe, found)}" for recipe, found in known]
        warnings = () if known else (NOTHING_KNOWN,)
        return Found(
            tuple(lines),
            {recipe.meter_id: _meter(recipe, entry) for recipe, _ in known},
            tuple(_limit(recipe, entry) for recipe, _ in known if recipe.amount is not None),
            tuple(_signal(recipe, entry) for recipe, _ in known),
            warnings,
        )
    finally:
        fetcher.close()


NOTHING_KNOWN = (
    "none of the usual exporters (node, process, Kubernetes, PostgreSQL, Redis, DCGM, LiteLLM) is scraped there; "
    "write a meter of kind promql into the pack for what you want to watch"
)


def _answer(fetcher: Fetcher, recipe: Recipe, now: datetime, where: str) -> list[Any]:
    try:
        return _instant(fetcher, recipe.query, now, where)
    except QueryFault:
        # Many-to-many matching and the like: the exporter is there in another shape than the recipe knows.
        return []


def _instant(fetcher: Fetcher, query: str, now: datetime, where: str) -> list[Any]:
    data, _ = ask(fetcher, "/api/v1/query", {"query": query, "time": f"{now.timestamp():.3f}"}, where)
    result = data.get("result") if isinstance(data, dict) else None
    return result if isinstance(result, list) else []


def _first(result: list[Any]) -> float:
    return float(result[0]["value"][1]) if result else 0.0


def _reading(recipe: Recipe, found: list[Any]) -> str:
    values = [float(item["value"][1]) for item in found]
    worst = min(values) if recipe.floor else max(values)
    number = f"{worst:,.1f}" + (" %" if recipe.unit == "percent" else "")
    return number if len(values) == 1 else f"{number}, the {'lowest' if recipe.floor else 'highest'} of {len(values)} series"


def _itself(fetcher: Fetcher, where: str) -> list[str]:
    """The server's version and how long it keeps what it scraped, where it says so."""
    said = []
    for path, key, words in (
        ("/api/v1/status/buildinfo", "version", "Prometheus {}"),
        ("/api/v1/status/runtimeinfo", "storageRetention", "keeps {}"),
    ):
        try:
            data, _ = ask(fetcher, path, {}, where)
        except CollectError:
            continue  # Thanos, Mimir and others answer queries, but not every question about themselves.
        value = str(data.get(key) or "") if isinstance(data, dict) else ""
        if value and (key == "version" or retention(value) is not None):
            said.append(words.format(value))
    return said


def _targets(fetcher: Fetcher, where: str) -> list[str]:
    try:
        data, _ = ask(fetcher, "/api/v1/targets", {"state": "active"}, where)
    except CollectError:
        return []
    active = data.get("activeTargets", []) if isinstance(data, dict) else []
    down = [each for each in active if each.get("health") != "up"]
    words = [f"{len(active)} targets, {len(active) - len(down)} of them up"]
    return words + [f"down: {each.get('scrapeUrl', '?')}: {str(each.get('lastError', ''))[:120]}" for each in down[:5]]


def _meter(recipe: Recipe, entry: PrometheusServerSource) -> dict[str, Any]:
    made: dict[str, Any] = {"kind": "promql", "unit": recipe.unit, "source": entry.name, "query": recipe.query}
    return made | {"component": entry.component, "over_time": "last", "across": recipe.across}


def _limit(recipe: Recipe, entry: PrometheusServerSource) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": recipe.meter_id,
        "kind": recipe.kind,
        "title": recipe.title,
        "component": entry.component,
        "amount": recipe.amount,
        "unit": recipe.unit,
        "meter": recipe.meter_id,
        "owner": "platform",
        "tight_below": recipe.tight_below,
    }
    return made | ({"direction": "at_least"} if recipe.floor else {}) | {"assumed": True}


def _signal(recipe: Recipe, entry: PrometheusServerSource) -> dict[str, Any]:
    made: dict[str, Any] = {
        "component": entry.component,
        "title": recipe.title,
        "series": series_name(recipe.meter_id),
        "unit": recipe.unit,
    }
    made |= {"by": recipe.by} if recipe.by else {}
    return made | ({"limit": recipe.meter_id} if recipe.amount is not None else {})
