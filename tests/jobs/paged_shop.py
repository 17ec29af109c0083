"""A shop that can break in six ways at once, a server that watches it, and whoever is to be told: the stage of the live tests of paging."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.alerts.channels.told import KEY
from tests.chaos.server import Server
from tests.fixtures.alertmanager import AlertmanagerPeer
from tests.fixtures.hook import Hook
from tests.fixtures.pagerduty import PagerDuty
from tests.fixtures.smtp import Mailbox

EVERY_S = 0.5
PUSHED_EVERY_S = 0.25
START_S = 180.0
"""How long a server may take to start: machines that run tests are busy."""
RULES = {
    "SeatsRunOut": {"headroom": "seats", "fraction_left": {"below": "0.1"}},
    "QueueIsLong": {"series": "queue_depth", "over": "30s", "over_time": "last", "above": 50},
    "SiteFails": {"health": "web", "check": "site.answers"},
    "ErrorsBurnTheBudget": {"burn": "errors", "long": "1h", "short": "5m", "budget_percent": 2, "min_events": 10},
    "WorkerIsSilent": {"absent": "worker_beat", "for_longer_than": "12s"},
    "LagByRegion": {"sql": "lag.sql", "above": 5},
}
"""One rule of each kind."""
LAG = """SELECT series.labels['region'] AS region, arg_max(samples.value, samples.observed_at) AS value
FROM samples JOIN series USING (series_id) WHERE series.platform = 'shop' AND series.name = 'lag_s' GROUP BY ALL
"""


def pack(probed: str) -> dict[str, Any]:
    limit = {"owner": "shop", "next_step": {"what": "Rent more", "cost_usd_per_month": 1}}
    return {
        "slug": "shop",
        "title": "Shop",
        "summary": "A shop that sells things.",
        "states": {"today": {"title": "Today", "summary": "Now."}},
        "components": [{"id": "web", "title": "Web", "summary": "The site"}],
        "sources": [{"kind": "probe", "name": "site", "component": "web", "url": probed, "interval": "1s"}],
        "meters": {
            "seats": {"kind": "gauge", "unit": "users", "series": "seats_used", "over_time": "last"},
            "queue": {"kind": "gauge", "unit": "requests", "series": "queue_depth"},
            "beats": {"kind": "gauge", "unit": "users", "series": "worker_beat"},
            "requests": {"kind": "increase", "unit": "requests", "series": "requests_total"},
            "errors": {"kind": "increase", "unit": "requests", "series": "errors_total"},
        },
        "limits": [
            {"id": "seats", "kind": "capacity", "title": "Seats", "amount": 100, "unit": "users", "meter": "seats", **limit},
            {
                "id": "errors", "kind": "slo", "title": "Requests that work", "objective_percent": "99", "unit": "requests", "meter": "errors",
                "amount_per": "requests", "window": {"rolling": "30d"}, "component": "web", **limit,
            },
        ],
    }  # fmt: skip


def rules(only: Collection[str]) -> dict[str, Any]:
    given = [
        {
            "alert": name, "title": name, "when": when, "severity": "critical", "runbook": "https://runbooks.example.org/shop",
            "annotations": {"summary": "{{ reason }}"},
        }
        for name, when in RULES.items()
        if name in only
    ]  # fmt: skip
    return {"platform": "shop", "groups": [{"name": "all", "rules": given}]}


class Shop:
    """The stage. `broken` is what is pushed; `start`, `kill` and `until` are the plot."""

    def __init__(
        self,
        folder: Path,
        pagerduty: PagerDuty,
        site: Hook,
        smtp: Mailbox | None = None,
        alertmanager: AlertmanagerPeer | None = None,
        only: Collection[str] = tuple(RULES),
        every_s: float = EVERY_S,
    ) -> None:
        self.pagerduty, self.site = pagerduty, site
        self.mailed: list[EmailMessage] = smtp.mails if smtp is not None else []
        data = folder / "data"
        (data / "packs").mkdir(parents=True)
        (data / "packs" / "shop.yaml").write_text(yaml.safe_dump(pack(site.url)))
        (data / "rules").mkdir()
        (data / "rules" / "shop.yaml").write_text(yaml.safe_dump(rules(only)))
        (data / "rules" / "lag.sql").write_text(LAG)
        channels: list[dict[str, Any]] = [{"kind": "pagerduty", "routing_key_env": "TEST_PD_KEY", "url": pagerduty.url}]
        route = {"match": ["platform=shop"], "receiver": "oncall", "group_by": ["alertname"], "group_interval": "1s"}
        alerting: dict[str, Any] = {"receivers": [{"name": "oncall", "channels": channels}], "routes": [route]}
        if smtp is not None:
            channels.append({"kind": "email", "to": ["ada@example.org"]})
            alerting["smtp"] = {"host": smtp.host, "port": smtp.port, "security": "none", "from": "roomleft@example.org"}
        if alertmanager is not None:
            channels.append({"kind": "alertmanager", "url": alertmanager.url})
        (folder / "alerting.yaml").write_text(yaml.safe_dump(alerting))
        self.server = Server(
            data,
            {
                "ROOMLEFT_ROLL_UP_EVERY_S": "0.5",
                "ROOMLEFT_MEASURE_EVERY_S": str(every_s),
                "ROOMLEFT_ALERTING_FILE": str(folder / "alerting.yaml"),
                "ROOMLEFT_PACKS_DIR": str(data / "packs"),
                "ROOMLEFT_PUBLIC_URL": "https://room.example.org",
                "ROOMLEFT_PACKS": "shop",
                "TEST_PD_KEY": KEY,
            },
            start_s=START_S,
        )
        self.kills = 0
        self.broken = False
        self.requests, self.errors = 100_000.0, 0.0
        self.ending = threading.Event()
        self.feeder = threading.Thread(target=self._feed, daemon=True)

    def start(self) -> None:
        """Start the server; the shop's figures come in by themselves."""
        self.server.start()
        if not self.feeder.is_alive():
            self.feeder.start()

    def kill(self) -> None:
        """SIGKILL the server, and start it again."""
        self.server.kill()
        self.kills += 1
        self.server.start()

    def stop(self) -> None:
        """End everything."""
        self.ending.set()
        if self.feeder.is_alive():
            self.feeder.join(10)
        process = self.server.process
        if process is not None and process.poll() is None:
            self.server.kill()

    def break_it(self) -> None:
        """All six at once."""
        self.broken, self.site.status = True, 500

    def mend(self) -> None:
        """All is well again; so many good requests come that the errors no longer matter."""
        self.requests += 50_000_000
        self.broken, self.site.status = False, 200

    def settle(self, limit_s: float = 60.0) -> None:
        """Wait until the shop that is well has been looked at, and nobody was told anything."""
        self.until(lambda: self.query("SELECT 1 AS n FROM evaluations HAVING count(*) > 3"), limit_s, "evaluations")
        assert self.incidents() == []

    def query(self, sql: str) -> list[dict[str, Any]]:
        """A question to the server."""
        assert self.server.http is not None
        answer = self.server.http.post("/api/v1/sql", json={"query": sql})
        rows: list[dict[str, Any]] = answer.json()["rows"] if answer.status_code == 200 else []
        return rows

    def until(self, true: Callable[[], object], limit_s: float, what: str) -> float:
        """Wait for it; how long it took in seconds. Fails when it does not come."""
        began = time.monotonic()
        while not true():
            assert time.monotonic() - began < limit_s, (
                f"{what}: it did not come within {limit_s:g} s; see {self.server.data_dir}.log"
            )
            time.sleep(0.05)
        return time.monotonic() - began

    def incidents(self, state: str = "") -> list[str]:
        """Incidents by their rule's name, of a state if given."""
        return sorted(
            incident.log[0]["payload"]["class"] for incident in self.pagerduty.incidents if state in ("", incident.state)
        )

    def mails(self, word: str) -> Mapping[str, str]:
        """The subject of each message that begins with a word (FIRING, RESOLVED), by its Message-ID."""
        found = {}
        for mail in list(self.mailed):
            body = mail.get_body(("plain",))
            if body is not None and body.get_content().startswith(word):
                found[mail["Message-ID"]] = mail["Subject"]
        return found

    def _feed(self) -> None:
        """What the shop would send. A push that fails is sent again with the next: nothing of it is lost while the server is away."""
        kept: list[dict[str, Any]] = []
        while not self.ending.wait(PUSHED_EVERY_S):
            self.requests += 10
            self.errors += 9 if self.broken else 0
            kept = [*kept, *self._samples()][-4000:]
            body = "\n".join(json.dumps(row) for row in kept).encode()
            try:
                http = self.server.http
                if http is not None and http.post("/api/v1/samples", content=body).status_code == 200:
                    kept = []
            except (httpx.HTTPError, RuntimeError):
                continue  # it is being killed, or not there yet

    def _samples(self) -> list[dict[str, Any]]:
        at = datetime.now(UTC).isoformat()
        bad = self.broken
        values: list[tuple[str, dict[str, str], float]] = [
            ("seats_used", {}, 97 if bad else 20),
            ("queue_depth", {}, 400 if bad else 3),
            ("requests_total", {}, self.requests),
            ("errors_total", {}, self.errors),
            ("lag_s", {"region": "eu"}, 40 if bad else 0.2),
            *([] if bad else [("worker_beat", {}, 1.0)]),
        ]
        return [
            {"observed_at": at, "platform": "shop", "component": "web", "name": name, "labels": labels, "value": value}
            for name, labels, value in values
        ]
