"""A small platform to write alert rules for, and rule files about it."""

from __future__ import annotations

from pathlib import Path

from roomleft.packs import Pack, load_pack

PACK = """\
slug: shop
title: Shop
summary: Sells things.
zone: Europe/Berlin
states:
  today: {title: Today, summary: As it is.}
components:
  - {id: api, title: API, summary: Answers, critical: true}
  - {id: store, title: Store, summary: Keeps}
thresholds:
  slow: {title: Slow, component: api, side: above, amount: 100, unit: ms}
  dear: {title: Dear, component: api, side: above, amount: 2, unit: usd_per_user}
signals:
  - {component: api, title: Latency, series: latency_ms, unit: ms, threshold: slow}
  - {component: store, title: Lag, series: lag_ms, unit: ms, by: replica}
sources:
  - {kind: probe, name: door, component: api, url: "https://shop.example/"}
meters:
  latency: {kind: gauge, unit: ms, series: latency_ms, component: api}
  calls: {kind: count, unit: requests, of: requests}
  failed: {kind: count, unit: requests, of: requests, where: {status: error}}
  failures: {kind: ratio, unit: percent, part: failed, whole: calls, scale: 100}
  failures_1h: {kind: growth, unit: percent, of: failed, over: 1h}
  down: {kind: failing_minutes, unit: minutes, components: [api]}
  spend: {kind: cost, unit: usd}
limits:
  - {id: latency, kind: slo, title: Latency, component: api, threshold: slow, unit: ms, meter: latency, owner: web}
  - {id: errors, kind: slo, title: Few errors, component: api, objective_percent: "99.9", unit: requests, meter: failed, amount_per: calls, window: {rolling: 30d}, owner: web}
  - {id: most, kind: slo, title: Most answers, component: api, objective_percent: "90", unit: requests, meter: failed, amount_per: calls, window: {rolling: 30d}, owner: web}
  - {id: outage, kind: slo, title: Outage, component: api, amount: 30, unit: minutes, meter: down, window: {rolling: 1h}, owner: web}
  - {id: money, kind: budget, title: Budget, amount: "1000.00", unit: usd, meter: spend, window: month, owner: finance,
     next_step: {what: Use the small model, cost_usd_per_month: -200, lead_time: 7d}}
"""
HEAD = """\
groups:
  - name: g
    rules:
      - alert: TooSlow
        title: Too slow
        severity: warning
        runbook: https://runbooks.example/slow
"""
"""A rule without its condition; what is added begins on line 8."""


def shop(folder: Path) -> Pack:
    """The pack, written into a folder."""
    (folder / "shop.yaml").write_text(PACK, encoding="utf-8")
    (folder / "shop").mkdir(exist_ok=True)
    return load_pack(folder / "shop.yaml")


def written(folder: Path, text: str, name: str = "shop.rules.yaml") -> Path:
    """A rule file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def with_rule(*lines: str) -> str:
    """HEAD with these lines added to its rule; one that gives a field of HEAD another value stands in its place."""
    given = {line.partition(":")[0]: line for line in lines}
    head = []
    for line in HEAD.splitlines():
        indent = line[: len(line) - len(line.lstrip(" -"))]
        head.append(indent + given.pop(line.strip(" -").partition(":")[0], line[len(indent) :]))
    more = [f"        {line}" for line in lines if line in given.values()]
    return "\n".join([*head, *more]) + "\n"
