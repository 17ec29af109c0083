"""Reading a provider's reports into a warehouse by the job that does so in the server."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from collectors.providers.source import ProviderReports
from jobs.take import Looked, SourceReader
from roomleft.clock import FixedClock
from roomleft.packs_sources import SourceEntry
from tests.collectors.providers.doubles import ANTHROPIC_KEY, ELEVENLABS_KEY, OPENAI_KEY, Double
from warehouse.store import Store
from warehouse.writer import Writer

KEYS = {"openai-usage": OPENAI_KEY, "anthropic-usage": ANTHROPIC_KEY, "elevenlabs-usage": ELEVENLABS_KEY}
ENTRY: TypeAdapter[Any] = TypeAdapter(SourceEntry)


@dataclass
class Reading:
    """A provider, a warehouse, and the jobs between them."""

    provider: Double
    store: Store
    writer: Writer
    clock: FixedClock

    def reader(self, kind: str, key: str | None = None, **options: Any) -> SourceReader:
        """A job's reader, as after a start of the server."""
        entry = ENTRY.validate_python(
            {
                "kind": kind,
                "name": "bills",
                "component": "api",
                "url": self.provider.url,
                "token_env": "PROVIDER_KEY",
                "back_fill": "10d",
                **options,
            }
        )
        return SourceReader(
            ProviderReports("atelier", entry, key or KEYS[kind]), self.store, self.writer, self.clock, budget_s=60
        )

    def read(self, kind: str, **options: Any) -> Looked:
        """One run of the job."""
        return self.reader(kind, **options).run()

    def charges(self, columns: str = "billing_period, line, version, billed_cost, quantity, category") -> list[dict[str, Any]]:
        return self.store.select(f"SELECT {columns} FROM charges ORDER BY ALL").to_pylist()

    def billed(self) -> Decimal:
        """The sum of all bills."""
        return Decimal(
            self.store.select("SELECT coalesce(sum(billed_cost), 0)::DECIMAL(38, 15) AS usd FROM charges")["usd"][0].as_py()
        )

    def usage(self, columns: str = "*") -> list[dict[str, Any]]:
        return self.store.select(f"SELECT {columns} FROM ai_usage ORDER BY occurred_at, event_id").to_pylist()
