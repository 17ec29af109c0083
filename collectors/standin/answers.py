"""Which model answers each request, and how: routing rules, daily free quotas, failures and fallbacks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collectors.standin.asks import Asks, within
from collectors.standin.faults import ActiveEffect
from collectors.standin.instants import Floats, Grid, Ints
from roomleft.packs_standin import URGENCIES, RouteShape, UsageShape
from roomleft.packs_standin_faults import UsageEffect

STATUSES = ("ok", "error", "timeout", "refused")


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers as columns: which request (row of the asks), which try (0 first, 1 fallback), who answered, how and when."""

    ask: Ints
    attempt: Ints
    model: Ints
    status: Ints  # index into STATUSES
    at_us: Ints
    latency_ms: Ints


class Router:
    """Applies the routing rules of a shape to requests."""

    def __init__(self, usage: UsageShape, tiers: list[str]) -> None:
        self.usage = usage
        self.tiers = tiers
        self.kinds = [k.name for k in usage.request_types]
        self.models = [m.name for m in usage.models]
        self._failures: Grid = np.array([(m.error_share, m.timeout_share, m.refused_share) for m in usage.models])
        self._latency: Grid = np.array([(np.log(m.latency_ms.median), m.latency_ms.sigma) for m in usage.models])
        self._fallback = np.array([self.models.index(r.fallback) if r.fallback else -1 for r in usage.routing])

    def answer(self, asks: Asks, effects: list[ActiveEffect]) -> Answers:
        """One answer a request, and a second one where the first failed and its rule names a fallback."""
        rule = self._rules(asks, effects)
        model = np.array([self.models.index(r.model) for r in self.usage.routing])[rule]
        rows = np.arange(len(asks.at_us))
        status = self._status(asks, rows, model, 0, effects)
        latency = self._latencies(asks, rows, model, 0, asks.at_us, effects)
        again = np.flatnonzero((status > 0) & (self._fallback[rule] >= 0))
        second = self._fallback[rule[again]]
        began = asks.at_us[again] + latency[again] * 1000
        return Answers(
            ask=np.concatenate((rows, again)),
            attempt=np.concatenate((np.zeros_like(rows), np.ones_like(again))),
            model=np.concatenate((model, second)),
            status=np.concatenate((status, self._status(asks, again, second, 1, effects))),
            at_us=np.concatenate((asks.at_us, began)),
            latency_ms=np.concatenate((latency, self._latencies(asks, again, second, 1, began, effects))),
        )

    def _rules(self, asks: Asks, effects: list[ActiveEffect]) -> Ints:
        rule = np.full(len(asks.at_us), -1)
        for number, route in enumerate(self.usage.routing):
            open_rows = np.flatnonzero((rule < 0) & self._holds(route, number, asks))
            if route.quota_images_per_day is not None:
                open_rows = self._in_quota(route, open_rows, asks, effects)
            rule[open_rows] = number
        return rule

    def _holds(self, route: RouteShape, number: int, asks: Asks) -> np.ndarray:
        holds = asks.rule_marks[:, number] < route.share
        if route.request_types is not None:
            holds &= np.isin(asks.kind, [self.kinds.index(k) for k in route.request_types])
        if route.urgencies is not None:
            holds &= np.isin(asks.urgency, [URGENCIES.index(u) for u in route.urgencies])
        if route.tiers is not None:
            holds &= np.isin(asks.tier, [self.tiers.index(t) for t in route.tiers])
        if route.complexity_below is not None:
            holds &= asks.complexity < route.complexity_below
        return holds

    def _in_quota(self, route: RouteShape, rows: Ints, asks: Asks, effects: list[ActiveEffect]) -> Ints:
        """Rows whose user had quota left when they asked. Only answered requests use quota."""
        model = np.full(len(rows), self.models.index(route.model))
        used = np.where(self._status(asks, rows, model, 0, effects) == 0, asks.images[rows], 0)
        order = np.lexsort((asks.number[rows], asks.layer[rows], asks.at_us[rows], asks.user[rows]))
        user, spent = asks.user[rows][order], used[order]
        before = np.cumsum(spent) - spent
        first = np.flatnonzero(np.concatenate(([True], user[1:] != user[:-1]))) if len(user) else np.empty(0, dtype=np.int64)
        lengths = np.diff(np.append(first, len(user)))
        before -= np.repeat(before[first], lengths)
        quota = route.quota_images_per_day or 0
        found: Ints = rows[order][before < quota]
        return found

    def _status(self, asks: Asks, rows: Ints, model: Ints, attempt: int, effects: list[ActiveEffect]) -> Ints:
        shares = self._failures[model].copy()
        for active in effects:
            usage = active.effect.usage
            if usage and usage.failure_share:
                hit = within(active, asks.at_us[rows]) & self._named(usage, model, asks.kind[rows])
                shares[hit, 0] = np.maximum(shares[hit, 0], usage.failure_share)
        edges = np.cumsum(shares, axis=1)
        mark = asks.fail_marks[rows, attempt]
        passed = (mark[:, None] >= edges).sum(axis=1)
        found: Ints = np.where(passed == 3, 0, passed + 1)
        return found

    def _latencies(self, asks: Asks, rows: Ints, model: Ints, attempt: int, at_us: Ints, effects: list[ActiveEffect]) -> Ints:
        mean, sigma = self._latency[model].T
        latency: Floats = np.exp(mean + sigma * asks.latency_z[rows, attempt])
        for active in effects:
            usage = active.effect.usage
            if usage and usage.latency_multiply != 1:
                latency[within(active, at_us) & self._named(usage, model, asks.kind[rows])] *= usage.latency_multiply
        found: Ints = np.maximum(1, np.rint(latency)).astype(np.int64)
        return found

    def _named(self, usage: UsageEffect, model: Ints, kind: Ints) -> np.ndarray:
        named = np.array(
            [
                (usage.models is None or m.name in usage.models) and (usage.providers is None or m.provider in usage.providers)
                for m in self.usage.models
            ]
        )[model]
        if usage.request_types is not None:
            named = named & np.isin(kind, [self.kinds.index(k) for k in usage.request_types])
        return named
