"""A shared one-second memory in front of the store: fifty open tabs ask the same question once, not fifty times."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
AT_ONCE = 4
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pages")
"""Threads of their own: a push must not wait until fifty tabs have been read for."""


class Snapshots:
    """Answers kept for `keep_s` wall-clock seconds by key. Callers that come while an answer is being made wait for that one.

    `get` runs the work in a thread, never on the event loop. A failed answer reaches everyone who waited for it and is not kept.
    """

    def __init__(self, keep_s: float = 1.0, most: int = 512, timer: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._most = most
        self._timer = timer
        self._lock = threading.Lock()
        self._answers: dict[Hashable, tuple[float, Future[Any]]] = {}

    async def get(self, key: Hashable, work: Callable[[], T]) -> T:
        """The answer of `work` for `key`, at most `keep_s` old."""
        answer, mine = self._claim(key)
        if mine:
            # Shielded: a tab that goes away must not leave the others waiting for an answer nobody is making.
            seen = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            await asyncio.shield(loop.run_in_executor(_threads, seen.run, self._answer, key, answer, work))
        return await asyncio.wrap_future(answer)

    def _claim(self, key: Hashable) -> tuple[Future[Any], bool]:
        with self._lock:
            kept = self._answers.get(key)
            if kept is not None and (not kept[1].done() or self._timer() - kept[0] < self._keep_s):
                return kept[1], False
            if len(self._answers) >= self._most:
                now = self._timer()
                self._answers = {k: v for k, v in self._answers.items() if not v[1].done() or now - v[0] < self._keep_s}
            answer: Future[Any] = Future()
            # Running futures cannot be cancelled: a tab that goes away would else cancel the answer for all who wait for it too.
            answer.set_running_or_notify_cancel()
            self._answers[key] = (self._timer(), answer)
            return answer, True

    def _answer(self, key: Hashable, answer: Future[Any], work: Callable[[], Any]) -> None:
        try:
            result = work()
        except BaseException as error:
            with self._lock:
                self._answers.pop(key, None)
            answer.set_exception(error)
        else:
            with self._lock:
                self._answers[key] = (self._timer(), answer)
            answer.set_result(result)
