"""What users ask for on a day, before any model has answered."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from collectors.standin.faults import ActiveEffect, FaultLog
from collectors.standin.instants import DAY, Floats, Grid, Ints, stream
from collectors.standin.people import People
from roomleft.packs_standin import Lognormal

EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class Asks:
    """Requests of one day in the order of their numbers, as columns of equal length.

    `*_mark` columns are uniform in [0, 1) and `*_z` standard normal; they decide later what happens to a request, and are drawn
    whether or not they are needed, so that a fault changes what it names and nothing else.
    """

    layer: Ints  # 0; above it the extra requests of a surge
    number: Ints
    at_us: Ints
    user: Ints
    tier: Ints
    kind: Ints  # index of the request type
    urgency: Ints  # 0 low, 1 normal, 2 high
    complexity: Floats
    input_tokens: Ints
    output_tokens: Ints
    images: Ints
    characters: Ints
    audio_ms: Ints
    keep_mark: Floats
    fail_marks: Grid  # first answer, fallback
    latency_z: Grid
    late_marks: Grid  # four: is the first answer late, how late; the same of the fallback
    cached_mark: Floats
    rule_marks: Grid
    response: Ints

    def only(self, chosen: Any) -> Asks:
        """The rows of a boolean mask or an index array."""
        return Asks(*(getattr(self, f.name)[chosen] for f in fields(self)))

    def __add__(self, other: Asks) -> Asks:
        return Asks(*(np.concatenate((getattr(self, f.name), getattr(other, f.name))) for f in fields(self)))


class AskModel:
    """Draws the requests of any day."""

    def __init__(self, people: People, seed: int) -> None:
        self.people = people
        self.seed = seed
        shape = people.shape
        kinds = shape.usage.request_types
        self._active = np.array([p.active_share for p in shape.personas])
        self._requests = np.array([p.requests_per_day for p in shape.personas])
        self._images = np.array([p.images_per_request - 1 for p in shape.personas])
        self._mix = np.array([np.cumsum([p.requests.get(k.name, 0.0) for k in kinds]) for p in shape.personas])[:, :-1] - EDGE
        self._alpha = np.array([k.complexity[0] for k in kinds])
        self._beta = np.array([k.complexity[1] for k in kinds])
        self._urgency = np.array([np.cumsum(k.urgency)[:-1] for k in kinds]) - EDGE
        self._makes_images = np.array([k.makes_images for k in kinds])
        self._inputs = _log_parameters([k.input_tokens for k in kinds])
        self._outputs = _log_parameters([k.output_tokens for k in kinds])
        self._characters = _log_parameters([k.characters for k in kinds])
        self._audio_s = _log_parameters([k.audio_seconds for k in kinds])

    def day(self, day: int, log: FaultLog) -> Asks:
        """Requests of a day (days since 1970) under the fault log."""
        begin = day * DAY
        effects = [a for a in log.effects(begin, begin + DAY) if a.effect.usage]
        highest = float(np.prod([max(1.0, a.effect.usage.rate_multiply) for a in effects if a.effect.usage]))
        asks = self._layer(day, 0)
        for layer in range(1, int(np.ceil(highest))):
            asks += self._layer(day, layer)
        if not effects:
            return asks
        rate = np.ones(len(asks.at_us))
        for active in effects:
            rate[within(active, asks.at_us)] *= active.effect.usage.rate_multiply if active.effect.usage else 1.0
        asks = asks.only(asks.keep_mark < rate - asks.layer)
        return _heavier(asks, effects, [k.name for k in self.people.shape.usage.request_types])

    def _layer(self, day: int, layer: int) -> Asks:
        rng = stream(self.seed, "asks", day, layer)
        users = self.people.count(day)
        persona = self.people.persona[:users]
        engagement = self.people.traffic.engagement(np.array([day * DAY + DAY - 1], dtype=np.int64))[0]
        active = rng.random(users) < self._active[persona]
        counts = np.where(active, rng.poisson(self._requests[persona] * self.people.activity[:users] * engagement), 0)
        if layer == 0:
            # Joining and converting are things a user does, so the user is there on that day.
            there = (self.people.join_day[:users] == day) | (self.people.convert_day[:users] == day)
            counts = np.maximum(counts, there)
        user = np.repeat(np.arange(users), counts)
        n = len(user)
        moment = rng.random(n)
        order = np.argsort(moment, kind="stable")
        user, moment = user[order], moment[order]
        kind = (rng.random(n)[:, None] >= self._mix[persona[user]]).sum(axis=1)
        complexity = np.round(rng.beta(self._alpha[kind], self._beta[kind]), 4)  # routed by the very value that is told
        at = day * DAY + self.people.traffic.times_of_day(moment) // 1000 * 1000
        images = 1 + rng.poisson(self._images[persona[user]])
        urgency = (rng.random(n)[:, None] >= self._urgency[kind]).sum(axis=1)
        # A request has tokens or another quantity, never both: the same marks serve for either.
        first_z, second_z = rng.standard_normal(n), rng.standard_normal(n)
        return Asks(
            layer=np.full(n, layer),
            number=np.arange(n),
            at_us=at,
            user=user,
            tier=self.people.tiers(day, users)[user],
            kind=kind,
            urgency=urgency,
            complexity=complexity,
            input_tokens=_lognormal(first_z, self._inputs, kind),
            output_tokens=_lognormal(second_z, self._outputs, kind),
            images=np.where(self._makes_images[kind], images, 0),
            characters=_lognormal(first_z, self._characters, kind),
            audio_ms=_lognormal(first_z, self._audio_s, kind, 1000),
            keep_mark=rng.random(n),
            fail_marks=rng.random((n, 2)),
            latency_z=rng.standard_normal((n, 2)),
            late_marks=rng.random((n, 4)),
            cached_mark=rng.random(n),
            rule_marks=rng.random((n, len(self.people.shape.usage.routing))),
            response=rng.integers(2**62, size=n),
        )


def within(active: ActiveEffect, at_us: Ints) -> Any:
    """Mask of the instants inside the effect's window."""
    return (at_us >= active.from_us) & (at_us < active.to_us)


def _heavier(asks: Asks, effects: list[ActiveEffect], kinds: list[str]) -> Asks:
    complexity, inputs, outputs = asks.complexity.copy(), asks.input_tokens.copy(), asks.output_tokens.copy()
    images, characters = asks.images.copy(), asks.characters.copy()
    for active in effects:
        usage = active.effect.usage
        if usage is None or usage.tokens_multiply == usage.complexity_multiply == usage.media_multiply == 1:
            continue
        hit = within(active, asks.at_us)
        if usage.request_types is not None:
            hit &= np.isin(asks.kind, [kinds.index(k) for k in usage.request_types])
        complexity[hit] = np.minimum(1.0, np.round(complexity[hit] * usage.complexity_multiply, 4))
        inputs[hit] = (inputs[hit] * usage.tokens_multiply).astype(np.int64)
        outputs[hit] = (outputs[hit] * usage.tokens_multiply).astype(np.int64)
        images[hit] = (images[hit] * usage.media_multiply).astype(np.int64)
        characters[hit] = (characters[hit] * usage.media_multiply).astype(np.int64)
    columns = {f.name: getattr(asks, f.name) for f in fields(asks)}
    heavier = {
        "complexity": complexity,
        "input_tokens": inputs,
        "output_tokens": outputs,
        "images": images,
        "characters": characters,
    }
    return Asks(**{**columns, **heavier})


def _log_parameters(shapes: list[Lognormal | None]) -> Grid:
    return np.array([(np.log(s.median), s.sigma) if s else (-np.inf, 0.0) for s in shapes])


def _lognormal(z: Floats, parameters: Grid, kind: Ints, parts: int = 1) -> Ints:
    """Whole numbers, in the unit of the parameters' medians or in so many parts of it."""
    mean, sigma = parameters[kind].T
    found: Ints = np.rint(np.exp(mean + sigma * z) * parts).astype(np.int64)
    return found
