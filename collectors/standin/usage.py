"""The /usage feed: one record a call, in slots of a UTC day (free quotas are counted by day)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from collectors.standin import encoding
from collectors.standin.answers import STATUSES, Answers, Router
from collectors.standin.asks import AskModel, Asks, within
from collectors.standin.faults import FaultLog
from collectors.standin.feed import Batch
from collectors.standin.instants import DAY, SECOND, Floats, Ints
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
        # A platform that has no voice says nothing of characters or seconds.
        self._speaks = any(k.characters for k in self.shape.request_types)
        self._sounds = any(k.audio_seconds for k in self.shape.request_types)

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

    def together(self, slot: int) -> int:
        """A day is enough to make at once."""
        return 1

    def batches(self, first: int, end: int) -> list[Batch]:
        """The calls of each day as records."""
        return [self._batch(day) for day in range(first, end)]

    def _batch(self, day: int) -> Batch:
        calls = self.calls(day)
        return Batch(calls.at_us, calls.commit_us, self._encode(day, calls))

    def _encode(self, day: int, calls: Calls) -> pa.Array:
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
        again = encoding.chosen(("", "f"), answers.attempt)
        streamed = encoding.joined(',"first_token_ms":', encoding.numbers(first))
        said = encoding.joined(',"response_id":"r', _hexadecimal(asks.response[row]), encoding.numbers(answers.attempt), '"')
        pieces = [
            '{"id":"c' + str(np.datetime64(day, "D")).replace("-", "") + "-", encoding.numbers(asks.layer[row]), "-",
            encoding.numbers(asks.number[row], 6), again, '","occurred_at":"', encoding.instants(calls.at_us), '",',
            encoding.chosen(self._fixed, asks.kind[row] * len(self.shape.models) + answers.model),
            ',"status":"', encoding.chosen(STATUSES, answers.status),
            '","user_id":"u-', encoding.numbers(asks.user[row], 6),
            '","tier":', encoding.chosen([encoding.quoted(t.name) for t in self.people.shape.tiers], asks.tier[row]),
            ',"input_tokens":', encoding.numbers(inputs), ',"cache_read_tokens":', encoding.numbers(cached),
            ',"output_tokens":', encoding.numbers(outputs), ',"images":', encoding.numbers(np.where(ok, asks.images[row], 0)),
        ]  # fmt: skip
        if self._speaks:
            pieces += [',"characters":', encoding.numbers(np.where(ok, asks.characters[row], 0))]
        if self._sounds:
            pieces += [',"audio_seconds":', encoding.fractions(np.where(ok, asks.audio_ms[row], 0) / 1000, 3)]
        pieces += [
            ',"latency_ms":', encoding.numbers(answers.latency_ms), _where(ok & (first > 0), streamed),
            ',"urgency":"', encoding.chosen(URGENCIES, asks.urgency[row]),
            '","complexity":', encoding.fractions(complexity, 4), ',"cost_hint":', encoding.fractions(hint, 9),
            _where(ok, said), "}",
        ]  # fmt: skip
        return encoding.joined(*pieces)

    def _fixed_texts(self) -> list[str]:
        """The part of a record that depends only on the request type and the model: all models of a type, then the next type."""
        return [
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
            for kind in self.shape.request_types
            for model in self.shape.models
        ]


def _where(mask: np.ndarray, texts: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(mask), texts, "")


def _hexadecimal(values: Ints) -> pa.Array:
    return pa.array(list(map("%x".__mod__, values.tolist())), pa.string())


def committed(ended_us: Ints, late_mark: Floats, how_late: Floats, lateness: LatenessShape) -> Ints:
    """Commit instants on whole seconds, never before the record's own end."""
    usual = np.full(len(ended_us), lateness.usual_s)
    # Most stragglers come within the hour, few after days: the delay is uniform in its logarithm.
    low, high = np.log(max(lateness.min_s, 1.0)), np.log(max(lateness.max_s, 1.0))
    delay = np.where(late_mark < lateness.share, np.exp(low + how_late * (high - low)), usual)
    found: Ints = -(-(ended_us + (delay * SECOND).astype(np.int64)) // SECOND) * SECOND
    return found
