"""The /usage feed: one record a call, in slots of a UTC day (free quotas are counted by day)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import orjson

from collectors.standin.answers import STATUSES, Answers, Router
from collectors.standin.asks import AskModel, Asks, within
from collectors.standin.faults import FaultLog
from collectors.standin.feed import Batch
from collectors.standin.instants import DAY, SECOND, Floats, Ints, text_of
from collectors.standin.people import People
from roomleft.packs_standin import URGENCIES, LatenessShape


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of a day: requests, answers, and when each answer's record carries and was committed."""

    asks: Asks
    answers: Answers
    at_us: Ints
    commit_us: Ints


class UsageFeed:
    """AI calls of a platform."""

    name = "usage"
    slot_us = DAY

    def __init__(self, people: People, seed: int, log: FaultLog) -> None:
        self.people = people
        self.log = log
        self.shape = people.shape.usage
        self.lookback = 1 + int(self.shape.lateness.max_s * SECOND // DAY)
        self._asks = AskModel(people, seed)
        self._router = Router(self.shape, [t.name for t in people.shape.tiers])
        self._first_token = np.array([m.first_token_share or 0.0 for m in self.shape.models])
        self._cached = np.array([m.cached_share for m in self.shape.models])
        self._hint = np.array([m.hint_usd for m in self.shape.models])
        self._fixed = self._fixed_texts()

    def version(self, slot: int) -> object:
        """The faults that meet the day."""
        return self.log.windows(slot * DAY, (slot + 1) * DAY)

    def calls(self, day: int) -> Calls:
        """The calls that users began on a day (days since 1970)."""
        effects = list(self.log.effects(day * DAY, (day + 1) * DAY))
        asks = self._asks.day(day, self.log)
        answers = self._router.answer(asks, effects)
        lateness = np.where(answers.attempt[:, None] == 0, asks.late_marks[answers.ask, :2], asks.late_marks[answers.ask, 2:])
        ended = answers.at_us + answers.latency_ms * 1000
        commit = committed(ended, lateness[:, 0], lateness[:, 1], self.shape.lateness)
        at = answers.at_us.copy()
        for active in effects:
            if active.effect.clock:
                at[within(active, answers.at_us)] += int(active.effect.clock.skew_s * SECOND)
        return Calls(asks, answers, at, commit)

    def batch(self, slot: int) -> Batch:
        """A day's calls as records."""
        calls = self.calls(slot)
        return Batch(calls.at_us, calls.commit_us, self._encode(slot, calls))

    def _encode(self, day: int, calls: Calls) -> list[bytes]:
        asks, answers = calls.asks, calls.answers
        row = answers.ask
        ok = answers.status == 0
        inputs = np.where(ok, asks.input_tokens[row], 0)
        outputs = np.where(ok, asks.output_tokens[row], 0)
        share = np.minimum(1.0, 2 * self._cached[answers.model] * asks.cached_mark[row])
        cached = (inputs * share).astype(np.int64)
        complexity = asks.complexity[row]
        hint: Floats = np.round(self._hint[answers.model] * complexity, 9)
        first = np.rint(answers.latency_ms * self._first_token[answers.model]).astype(np.int64)
        streamed = (ok & (first > 0)).tolist()
        firsts = [f',"first_token_ms":{f}' if s else "" for f, s in zip(first.tolist(), streamed, strict=True)]
        prefix = str(np.datetime64(day, "D")).replace("-", "")
        fixed = [self._fixed[k][m] for k, m in zip(asks.kind[row].tolist(), answers.model.tolist(), strict=True)]
        columns = zip(
            asks.layer[row].tolist(),
            asks.number[row].tolist(),
            ["f" if a else "" for a in answers.attempt.tolist()],
            text_of(calls.at_us),
            fixed,
            [STATUSES[s] for s in answers.status.tolist()],
            asks.user[row].tolist(),
            [self.people.shape.tiers[t].name for t in asks.tier[row].tolist()],
            inputs.tolist(),
            cached.tolist(),
            outputs.tolist(),
            np.where(ok, asks.images[row], 0).tolist(),
            answers.latency_ms.tolist(),
            firsts,
            [URGENCIES[u] for u in asks.urgency[row].tolist()],
            complexity.tolist(),
            [f"{h:.9f}" for h in hint.tolist()],
            [f',"response_id":"r{r:x}{a}"' if o else "" for r, a, o in zip(
                asks.response[row].tolist(), answers.attempt.tolist(), ok.tolist(), strict=True
            )],
            strict=True,
        )  # fmt: skip
        template = (
            '{"id":"c' + prefix + '-%d-%06d%s","occurred_at":"%s",%s,"status":"%s","user_id":"u-%06d","tier":"%s",'
            '"input_tokens":%d,"cache_read_tokens":%d,"output_tokens":%d,"images":%d,"latency_ms":%d%s,'
            '"urgency":"%s","complexity":%r,"cost_hint":%s%s}'
        )
        return [(template % values).encode() for values in columns]

    def _fixed_texts(self) -> list[list[str]]:
        """The part of a record that depends only on the request type and the model."""
        return [
            [
                orjson.dumps(
                    {
                        "component": kind.component,
                        "provider": model.provider,
                        "model": model.name,
                        "operation": kind.operation,
                        "request_type": kind.name,
                        "feature": kind.feature,
                        "environment": self.shape.environment,
                    }
                ).decode()[1:-1]
                for model in self.shape.models
            ]
            for kind in self.shape.request_types
        ]


def committed(ended_us: Ints, late_mark: Floats, how_late: Floats, lateness: LatenessShape) -> Ints:
    """Commit instants on whole seconds, never before the record's own end."""
    usual = np.full(len(ended_us), lateness.usual_s)
    # Most stragglers come within the hour, few after days: the delay is uniform in its logarithm.
    low, high = np.log(max(lateness.min_s, 1.0)), np.log(max(lateness.max_s, 1.0))
    delay = np.where(late_mark < lateness.share, np.exp(low + how_late * (high - low)), usual)
    found: Ints = -(-(ended_us + (delay * SECOND).astype(np.int64)) // SECOND) * SECOND
    return found
