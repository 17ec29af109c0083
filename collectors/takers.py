"""Which class looks at which kind of source."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from collectors.litellm.database import LitellmDatabase
from collectors.litellm.proxy import LitellmHttp
from collectors.own_network import Networked, OwnNetwork
from collectors.postgres.source import Postgres
from collectors.probes.source import Probe
from collectors.prometheus.server import PrometheusServer
from collectors.providers.source import ProviderReports
from collectors.redis.source import Redis
from collectors.taken import Taker
from roomleft.packs import Pack
from roomleft.packs_meters import PromqlMeter
from roomleft.packs_sources import (
    AnthropicUsageSource,
    ElevenlabsUsageSource,
    LitellmPostgresSource,
    LitellmSource,
    OpenaiUsageSource,
    PostgresSource,
    ProbeSource,
    PrometheusServerSource,
    PrometheusSource,
    RedisSource,
    SourceEntry,
)


def taker_for(pack: Pack, entry: SourceEntry, lookup: Callable[[str], str | None], network: OwnNetwork | None = None) -> Taker:
    """What looks at a source of a pack. `lookup` gives a secret by the name of its variable, None where there is none.

    Raises ValueError for a page to scrape (kind `prometheus`): those are read by a loop of their own.
    """
    match entry:
        case PostgresSource():
            return Postgres(pack.slug, entry, _secret(entry.password_env, lookup), network)
        case RedisSource():
            return Redis(pack.slug, entry, _secret(entry.password_env, lookup), network)
        case ProbeSource():
            return Probe(pack.slug, entry, None, network)
        case PrometheusServerSource():
            meters = {
                name: meter
                for name, meter in pack.meters.items()
                if isinstance(meter, PromqlMeter) and meter.source == entry.name
            }
            server = PrometheusServer(pack.slug, entry, _secret(entry.token_env, lookup), meters)
            return server if network is None else Networked(server, entry.url, network)
        case LitellmSource():
            proxy = LitellmHttp(pack, entry, _secret(entry.token_env, lookup))
            return proxy if network is None else Networked(proxy, entry.url, network)
        case LitellmPostgresSource():
            return LitellmDatabase(pack, entry, _secret(entry.password_env, lookup), network)
        case OpenaiUsageSource() | AnthropicUsageSource() | ElevenlabsUsageSource():
            reports = ProviderReports(pack.slug, entry, _secret(entry.token_env, lookup))
            return reports if network is None else Networked(reports, entry.url, network)
        case PrometheusSource():
            raise ValueError(f"{pack.slug}.{entry.name} is scraped, not taken")
        case _:
            assert_never(entry)


def _secret(variable: str | None, lookup: Callable[[str], str | None]) -> str | None:
    return lookup(variable) if variable else None
