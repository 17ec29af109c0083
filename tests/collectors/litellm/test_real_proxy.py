"""A real LiteLLM proxy sends ten thousand calls while Roomleft is killed and started again. Each is counted once, to the nano-dollar."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from roomleft.settings import ROOT
from tests.chaos.server import Server
from tests.fixtures.litellm import MASTER_KEY, litellm_program, running_proxy
from tests.fixtures.prometheus import free_port
from tests.fixtures.spend_logs import add_spend_logs, create_spend_logs

CALLS = 10_000
PROXIES = 2
AT_ONCE = 32
KILLS = 4
MISSED = 300
"""So many calls are answered while Roomleft is down, each time."""
WITHIN_S = 300.0
NEVER_KEPT = "the answer that nobody may keep"
ASKED = "the question that nobody may keep"
USD_PER_TOKEN = {
    "gpt-4o-mini": Decimal("0.000000123"),
    "gpt-4o": Decimal("0.000004567"),
    "claude-sonnet-4-5": Decimal("0.000009001"),
}
GROUPS = {"swift": "openai/gpt-4o-mini", "wise": "openai/gpt-4o", "sage": "anthropic/claude-sonnet-4-5"}
PACK = """
slug: shop
title: Shop
summary: Its AI calls go through a proxy.
states: {{today: {{title: Today, summary: Now.}}}}
components: [{{id: gateway, title: Gateway, summary: The proxy}}]
sources: [{{kind: litellm-postgres, name: logs, component: gateway, url: "{url}", interval: 3s}}]
prices:
  - {{provider: openai, source: a test, checked_on: 2026-01-01, models: {{gpt-4o-mini: {{prices: [{{from: 2025-01-01, usd_per_token: "{gpt-4o-mini}"}}]}},
      gpt-4o: {{prices: [{{from: 2025-01-01, usd_per_token: "{gpt-4o}"}}]}}}}}}
  - {{provider: anthropic, source: a test, checked_on: 2026-01-01, models: {{claude-sonnet-4-5: {{prices: [{{from: 2025-01-01, usd_per_token: "{claude-sonnet-4-5}"}}]}}}}}}
meters: {{spent: {{kind: cost, unit: usd}}}}
limits: [{{id: spent, kind: budget, title: AI, amount: 1000, unit: usd, meter: spent, owner: finance, window: month}}]
"""


@dataclass
class Client:
    """Whoever calls the proxies. Keeps of each call what their database would. Makes no more calls than are `allowed`."""

    urls: list[str]
    allowed: int = 0
    logs: list[dict[str, Any]] = field(default_factory=list)

    def call(self, count: int) -> None:
        """So many calls, `AT_ONCE` at a time, each model in turn."""
        asyncio.run(self._call(count))

    def reach(self, count: int) -> None:
        """Let there be so many calls, and wait for them."""
        self.allowed = count
        until(lambda: len(self.logs) >= count, "the calls stopped")

    async def _call(self, count: int) -> None:
        numbers = iter(range(count))
        await asyncio.gather(*(self._line(numbers, self.urls[line % len(self.urls)]) for line in range(AT_ONCE)))

    async def _line(self, numbers: Iterator[int], url: str) -> None:
        address = httpx.URL(url)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        for number in numbers:
            if number >= self.allowed:
                writer.close()  # a proxy ends a connection that is quiet for long
                while number >= self.allowed:
                    await asyncio.sleep(0.02)
                reader, writer = await asyncio.open_connection(address.host, address.port)
            group = list(GROUPS)[number % len(GROUPS)]
            body = orjson.dumps({"model": group, "user": f"u-{number % 50}", "messages": [{"role": "user", "content": ASKED}]})
            began = datetime.now(UTC)
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: proxy\r\nauthorization: Bearer {MASTER_KEY}\r\n"
            writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            headers = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b" 200 " in headers.partition(b"\r\n")[0], headers
            answer = orjson.loads(await reader.readexactly(int(headers.split(b"content-length: ")[1].split(b"\r\n")[0])))
            self.logs.append(_log(answer, group, began))
        writer.close()


def _log(answer: dict[str, Any], group: str, began: datetime) -> dict[str, Any]:
    usage, provider = answer["usage"], GROUPS[group].partition("/")[0]
    return {
        "request_id": answer["id"], "call_type": "acompletion", "spend": 0.5, "startTime": began, "endTime": datetime.now(UTC),
        "model": GROUPS[group], "model_group": group, "custom_llm_provider": provider, "status": "success", "cache_hit": "None",
        "metadata": {"usage_object": usage}, **{name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
        "messages": [{"role": "user", "content": ASKED}], "response": answer,
    }  # fmt: skip


def until(true: Any, what: str) -> None:
    """Wait for what other processes do. Fails when it does not come in time."""
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def asked(server: Server, query: str) -> list[dict[str, Any]]:
    assert server.http is not None
    rows: list[dict[str, Any]] = server.http.post("/api/v1/sql", json={"query": query}).raise_for_status().json()["rows"]
    return rows


def stored(server: Server) -> int:
    return int(asked(server, "SELECT count(DISTINCT response_id) AS n FROM ai_usage")[0]["n"])


@pytest.mark.peers
def test_ten_thousand_calls_while_roomleft_is_killed_are_each_counted_once(tmp_path: Path, postgres_url: str) -> None:
    litellm_program()
    data = tmp_path / "data"
    (data / "packs").mkdir(parents=True)
    (data / "packs" / "shop.yaml").write_text(
        PACK.format(url=postgres_url, **{name: f"{usd:f}" for name, usd in USD_PER_TOKEN.items()})
    )
    create_spend_logs(postgres_url)
    port = free_port()
    server = Server(data, {"ROOMLEFT_PORT": str(port)})
    server.start()
    try:
        made = subprocess.run(
            [sys.executable, "-m", "roomleft", "token", "add", "proxy", "--scope", "ingest"],
            cwd=ROOT, env={"PATH": "/usr/bin:/bin", "ROOMLEFT_DATA_DIR": str(data)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        token = made.stdout.split()[-1]
        config = {
            "model_list": [
                {"model_name": name, "litellm_params": {"model": model, "api_key": "none", "mock_response": NEVER_KEPT}}
                for name, model in GROUPS.items()
            ],
            "litellm_settings": {"callbacks": ["roomleft"]},
            "callback_settings": {
                "roomleft": {
                    "callback_type": "generic_api",
                    "endpoint": f"http://127.0.0.1:{port}/v1/litellm?platform=shop",
                    "headers": {"Authorization": f"Bearer {token}"},
                }
            },
        }
        flush = {"DEFAULT_FLUSH_INTERVAL_SECONDS": "1", "DEFAULT_BATCH_SIZE": "100"}
        with ExitStack() as proxies:
            client = Client(
                [proxies.enter_context(running_proxy(tmp_path / f"proxy-{n}", config, **flush)) for n in range(PROXIES)]
            )
            calling = threading.Thread(target=client.call, args=(CALLS,))
            calling.start()
            for kill in range(1, KILLS + 1):
                client.reach(kill * CALLS // (KILLS + 1))
                server.kill()
                client.reach(len(client.logs) + MISSED)
                server.start()
            client.reach(CALLS)
            calling.join(WITHIN_S)
            assert len(client.logs) == CALLS
            until(lambda: _is_quiet(server), "the proxy never stopped sending")
        by_webhook = stored(server)
        assert 0 < by_webhook < CALLS - KILLS * 50, "some were lost, or the test shows nothing"
        # Killed once more while the table is read.
        add_spend_logs(postgres_url, client.logs)
        until(lambda: stored(server) > by_webhook, "the table is not read")
        server.kill()
        server.start()
        until(lambda: stored(server) >= CALLS, "not every call came")
        _compare(server, client)
        server.stop()
        _no_texts_are_kept(data, token)
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()


def _is_quiet(server: Server) -> bool:
    """Whether nothing has come by the webhook for longer than the proxy keeps anything."""
    (row,) = asked(server, "SELECT epoch(now()) - epoch(max(ingested_at)) AS quiet_s FROM ai_usage WHERE source = 'litellm'")
    return float(row["quiet_s"]) > 4


def _compare(server: Server, client: Client) -> None:
    expected: Counter[str] = Counter()
    for log in client.logs:
        expected[log["model"].partition("/")[2]] += log["total_tokens"]
    found = asked(
        server,
        "SELECT model, count(*) AS calls, count(DISTINCT response_id) AS answers, sum(input_uncached_tokens + output_tokens) AS tokens,"
        " CAST(sum(cost_usd) AS VARCHAR) AS usd, count(*) FILTER (cost_state <> 'priced') AS other"
        " FROM ai_usage JOIN cost_entries USING (source, event_id, id_hash) GROUP BY model",
    )
    assert {row["model"]: (int(row["tokens"]), Decimal(row["usd"])) for row in found} == {
        model: (tokens, tokens * USD_PER_TOKEN[model]) for model, tokens in expected.items()
    }
    assert sum(int(row["calls"]) for row in found) == sum(int(row["answers"]) for row in found) == CALLS
    assert all(row["other"] == 0 for row in found)
    ways = {row["source"] for row in asked(server, "SELECT DISTINCT source FROM ai_usage")}
    assert ways == {"litellm", "shop.logs"}
    assert asked(server, "SELECT reason FROM rejected LIMIT 3") == []


def _no_texts_are_kept(data: Path, token: str) -> None:
    for path in [*data.rglob("*"), data.parent / f"{data.name}.log"]:
        if path.is_file() and path.name != "server.json":
            held = path.read_bytes()
            assert NEVER_KEPT.encode() not in held, path
            assert ASKED.encode() not in held, path
            assert token.encode() not in held, path
