"""Providers' report endpoints over real HTTP, which refuse what the real ones' documentation refuses: a wrong header, more buckets than a page
may hold, times of another form, a page token they never gave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fixtures.loopback import answering

OPENAI_KEY, ANTHROPIC_KEY, ELEVENLABS_KEY = "sk-admin-open", "sk-ant-admin-anthropic", "eleven-key"
MOST = {"1m": 1440, "1h": 168, "1d": 31}
WIDTHS = {"1m": timedelta(minutes=1), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
ELEVENLABS = "/v1/workspace/analytics/query/usage-by-product-over-time"
Report = dict[datetime, list[dict[str, Any]]]


@dataclass
class Double:
    """What is reported: by path, the results of each bucket's start. `page_buckets` is how many buckets a page holds."""

    url: str = ""
    reports: dict[str, Report] = field(default_factory=dict)
    page_buckets: int = 3
    asked: list[str] = field(default_factory=list)
    failing: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Answers to give, one a request, before any that is right."""
    elevenlabs_rows: list[dict[str, Any]] = field(default_factory=list)
    elevenlabs_units: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)

    def report(self, path: str, at: datetime, *results: dict[str, Any]) -> None:
        """Put results into the bucket that begins then."""
        self.reports.setdefault(path, {})[at] = list(results)


class Wrong(Exception):
    """What a provider refuses: the status and why."""


def _get(double: Double, path: str, query: dict[str, list[str]], headers: Any) -> dict[str, Any]:
    openai = path.startswith("/v1/organization/")
    if openai and headers.get("authorization") != f"Bearer {OPENAI_KEY}":
        raise Wrong(401, "an admin key is needed")
    if not openai and (headers.get("x-api-key") != ANTHROPIC_KEY or headers.get("anthropic-version") != "2023-06-01"):
        raise Wrong(401, "x-api-key and anthropic-version are needed")
    known = {"start_time", "end_time", "bucket_width", "limit", "group_by[]", "page"} if openai else {
        "starting_at", "ending_at", "bucket_width", "limit", "group_by[]", "page"
    }  # fmt: skip
    if unknown := set(query) - known:
        raise Wrong(400, f"unknown parameter {sorted(unknown)[0]}")
    width = query.get("bucket_width", ["1d"])[0]
    costs = path.endswith(("/costs", "/cost_report"))
    most = 180 if path.endswith("/costs") else MOST[width]
    limit = int(query.get("limit", ["7"])[0])
    if not 1 <= limit <= most or (costs and width != "1d"):
        raise Wrong(400, f"limit {limit} of width {width} is not allowed")
    since, until = (_openai_time if openai else _anthropic_time)(query)
    found = {}
    for at, results in double.reports.get(path, {}).items():
        if since <= at < until:
            found.setdefault(at if width == "1h" else at.replace(hour=0), []).extend(results)
    starts = sorted(found)
    token = query.get("page", [""])[0]
    if token and token not in double.tokens:
        raise Wrong(400, "unknown page")
    first = double.tokens[token] if token else 0
    size = min(limit, double.page_buckets)
    shown = starts[first : first + size]
    more = first + size < len(starts)
    following = f"page_{path.rpartition('/')[2]}_{first + size}" if more else None
    if following:
        double.tokens[following] = first + size
    buckets = []
    for at in shown:
        end = at + WIDTHS[width]
        times = {"start_time": int(at.timestamp()), "end_time": int(end.timestamp())} if openai else {
            "starting_at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "ending_at": f"{end:%Y-%m-%dT%H:%M:%SZ}"
        }  # fmt: skip
        buckets.append({**times, "results": found[at]})
    return {"data": buckets, "has_more": more, "next_page": following}


def _openai_time(query: dict[str, list[str]]) -> tuple[datetime, datetime]:
    try:
        start, end = (int(query[name][0]) for name in ("start_time", "end_time"))
    except (KeyError, ValueError):
        raise Wrong(400, "times are Unix seconds") from None
    if start > 10**11:
        raise Wrong(400, "these are milliseconds")
    return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)


def _anthropic_time(query: dict[str, list[str]]) -> tuple[datetime, datetime]:
    start, end = (datetime.fromisoformat(query[name][0]) for name in ("starting_at", "ending_at"))
    if start.tzinfo is None or end.tzinfo is None:
        raise Wrong(400, "times are RFC 3339")
    return start, end


def _post(double: Double, path: str, body: dict[str, Any], headers: Any) -> dict[str, Any]:
    if path != ELEVENLABS:
        raise Wrong(404, "no such route")
    if headers.get("xi-api-key") != ELEVENLABS_KEY:
        raise Wrong(401, "xi-api-key is needed")
    start, end = body["start_time"], body["end_time"]
    if min(start, end) < 1_577_836_800_000:
        raise Wrong(422, "times are milliseconds since 1970, from 2020 on")
    if body.get("time_zone") != "UTC":
        raise Wrong(422, "days of another zone")
    names = ["timestamp", *body["group_by"], *double.elevenlabs_units]
    rows = [[row.get(name) for name in names] for row in double.elevenlabs_rows if start <= row["timestamp"] < end]
    return {"columns": names, "column_units": [double.elevenlabs_units.get(name) for name in names], "rows": rows}


@contextmanager
def provider_double() -> Iterator[Double]:
    """A provider on a free port."""
    double = Double()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._answer(lambda: _get(double, parts.path, parse_qs(parts.query), self.headers))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._answer(lambda: _post(double, self.path, body, self.headers))

        def _answer(self, work: Any) -> None:
            double.asked.append(self.path)
            headers: dict[str, str] = {}
            try:
                if double.failing:
                    status, headers = double.failing.pop(0)
                    raise Wrong(status, "for the test")
                status, said = 200, work()
            except Wrong as wrong:
                status, said = wrong.args[0], {"error": {"message": wrong.args[1]}}
            payload = (
                said if isinstance(said, bytes) else json.dumps(said, default=_exact).replace('"<', "").replace('>"', "").encode()
            )
            self.send_response(status)
            for name, value in {"content-type": "application/json", "content-length": str(len(payload)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            pass

    with answering(Handler) as double.url:
        yield double


def _exact(value: Any) -> str:
    # A Decimal goes out as a JSON number with every digit.
    return f"<{value}>"
