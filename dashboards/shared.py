"""Answers to pages' questions, made once for all who ask the same: fifty tabs that show one page cost as much as one.

A page's callbacks that depend on nothing but the address, the theme and the clock are the same for everybody who may see the same. Each answer is kept
for a second; one that took long, or comes while the server has too much to do, for some more, and while a new one is made those who ask at a tick of
their page get the one before, which tells the age of its figures. Whoever has an answer on the screen already (`x-roomleft-shown`) is told so in a word.

Many questions may come in one request (`{"asked": [{"shown": …, "body": …}]}`): their answers leave as they are made, each as a line
`NUMBER STATUS MARK` and a line of JSON.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
import secrets
import time
import zlib
from collections.abc import Callable, Container, Hashable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.block import COUNTED_TICKS
from dashboards.door.asking import NOBODY, asked_by
from dashboards.door.rules import RULES, SAFE_METHODS, needed_scope
from warehouse.state import Principal
from warehouse.state import Scope as Right

log = logging.getLogger("roomleft.pages")

PATH = "/_dash-update-component"
SHOWN, MARK = "x-roomleft-shown", "x-roomleft-answer"
OF_ALL = frozenset({"url", "tick", "theme"})
"""Components that every page has, whose values are the whole of what a shared answer depends on."""
KEEP_S, KEEP_LONGEST_S, STALE_S = 1.0, 5.0, 20.0
TIMES_ITS_COST = 8
"""For ticks an answer is kept this many times as long as it took to make, within the two limits above; who comes anew waits for a new one."""
PATIENCE_S = 0.25
"""How long a tick waits for a new answer before it takes the one before."""
MOST_KEPT, MOST_ASKED, MOST_BYTES = 512, 64, 2_000_000
SMALLEST = 1024
CALM = 6


@dataclass(slots=True)
class Answer:
    """One answer: what it says, a mark that names its content, and for how long it is good."""

    status: int
    body: bytes
    mark: str
    personal: bool = False
    keep_s: float = KEEP_S
    made_at: float = 0.0
    packed: bytes = b""


class Shared:
    """ASGI middleware inside the door. `outputs` are the callbacks there are (`Dash.callback_map`)."""

    def __init__(self, app: ASGIApp, outputs: Container[str], timer: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._outputs = outputs
        self._timer = timer
        self._kept: dict[Hashable, Answer] = {}
        self._making: dict[Hashable, asyncio.Task[Answer]] = {}
        self._personal: set[str] = set()
        self._deeds = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
        elif scope["path"] != PATH:
            try:
                await self._app(scope, receive, send)
            finally:
                if needed_scope(RULES, scope["method"], scope["path"]) not in (Right.READ, Right.INGEST):
                    self.forget()
        else:
            await self._asked(scope, receive, send)

    def forget(self) -> None:
        """Somebody did something: what was answered before may not be true any more."""
        self._deeds += 1
        self._kept.clear()
        self._making.clear()

    async def _asked(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        headers = Headers(scope=scope)
        try:
            asked = orjson.loads(body) if body is not None else None
        except orjson.JSONDecodeError:
            asked = None
        if body is None or not isinstance(asked, dict):
            await _say(send, 400, _fault("this is no question of a page"))
        elif isinstance(asked.get("asked"), list) and len(asked["asked"]) <= MOST_ASKED:
            await self._many(scope, asked["asked"], headers, send)
        else:
            answer = await self._answer(scope, asked)
            if answer.mark and answer.mark == headers.get(SHOWN):
                await _say(send, 204, b"", answer.mark)
            elif "gzip" in headers.get("accept-encoding", "") and len(answer.body) >= SMALLEST:
                answer.packed = answer.packed or gzip.compress(answer.body, 5, mtime=0)
                await _say(send, answer.status, answer.packed, answer.mark, "gzip")
            else:
                await _say(send, answer.status, answer.body, answer.mark)

    async def _many(self, scope: Scope, asked: list[Any], headers: Headers, send: Send) -> None:
        """Each answer as soon as it is made."""
        zipped = zlib.compressobj(3, wbits=31) if "gzip" in headers.get("accept-encoding", "") else None
        more = [(b"content-encoding", b"gzip")] if zipped else []
        lines = [
            (b"content-type", b"application/x-ndjson"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            *more,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": lines})

        async def one(number: int, each: Any) -> tuple[int, Answer, str]:
            question = each.get("body") if isinstance(each, dict) else None
            if not isinstance(question, dict):
                return number, Answer(400, _fault("this is no question of a page"), ""), ""
            return number, await self._answer(scope, question), str(each.get("shown") or "")

        for coming in asyncio.as_completed([one(number, each) for number, each in enumerate(asked)]):
            number, answer, shown = await coming
            known = bool(answer.mark) and answer.mark == shown
            line = (
                f"{number} {204 if known else answer.status} {answer.mark or '-'}\n".encode()
                + (b"" if known else answer.body)
                + b"\n"
            )
            if zipped:
                line = zipped.compress(line) + zipped.flush(zlib.Z_SYNC_FLUSH)
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": zipped.flush() if zipped else b""})

    async def _answer(self, scope: Scope, asked: Mapping[str, Any]) -> Answer:
        if asked.get("output") not in self._outputs:
            return Answer(400, _fault("this page is of another Roomleft: load it again"), "")
        key, ticked, fresh = self._key(scope, asked)
        if key is None:
            return await self._make(scope, asked)
        kept = None if fresh else self._kept.get(key)
        age_s = self._timer() - kept.made_at if kept else 0.0
        if kept and age_s < (kept.keep_s if ticked else KEEP_S):
            return kept
        making = None if fresh else self._making.get(key)
        if making is None:
            making = asyncio.create_task(self._keeping(key, scope, asked))
            self._making[key] = making
        if kept and ticked and age_s < STALE_S:
            done, _ = await asyncio.wait([making], timeout=PATIENCE_S)
            if not done:
                return kept
        # Shielded: who goes away must not take the answer from those who stay.
        answer = await asyncio.shield(making)
        return await self._make(scope, asked) if answer.personal else answer

    async def _keeping(self, key: Hashable, scope: Scope, asked: Mapping[str, Any]) -> Answer:
        """Make an answer and keep it, unless it is for one person or something was done meanwhile."""
        began, deeds = self._timer(), self._deeds
        try:
            answer = await self._make(scope, asked)
            if answer.personal:
                self._personal.add(str(asked["output"]))
            elif answer.status in (200, 204) and deeds == self._deeds:
                answer.made_at = self._timer()
                answer.keep_s = min(KEEP_LONGEST_S, max(KEEP_S, TIMES_ITS_COST * (answer.made_at - began)))
                if len(self._kept) >= MOST_KEPT:
                    self._kept = {each: old for each, old in self._kept.items() if answer.made_at - old.made_at < KEEP_LONGEST_S}
                self._kept[key] = answer
            return answer
        finally:
            if self._making.get(key) is asyncio.current_task():
                del self._making[key]

    async def _make(self, scope: Scope, asked: Mapping[str, Any]) -> Answer:
        said = _Said()
        noted: list[str] = []
        who = _noting(scope.get("state", {}).get("principal", NOBODY), noted)
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name not in (b"accept-encoding", b"content-length", SHOWN.encode())
        ]
        body = orjson.dumps(asked)
        inner = {
            **scope,
            "headers": [*headers, (b"content-length", str(len(body)).encode())],
            "state": {**scope.get("state", {}), "principal": who},
        }
        try:
            with asked_by(who):
                await self._app(inner, _replayed(body), said.receive)
        except Exception as error:
            # The figures on the screen stay, with their age; the page asks again at its next tick.
            said.status, said.body = 503, _logged(error, str(asked["output"]))
        if said.status == 500:
            said.status, said.body = 503, _logged(None, str(asked["output"]))
        mark = hashlib.blake2b(said.body, digest_size=9).hexdigest() if said.status == 200 else ""
        return Answer(said.status, said.body, mark, bool(noted))

    def _key(self, scope: Scope, asked: Mapping[str, Any]) -> tuple[Hashable, bool, bool]:
        """What the answer depends on (None: on more than is shared), whether a tick of the page asks, and whether it must be new."""
        changed = asked.get("changedPropIds") or []
        output, given = str(asked["output"]), []
        fresh, whole = False, True
        for each in [*(asked.get("inputs") or []), *(asked.get("state") or [])]:
            if not isinstance(each, dict) or not isinstance(each.get("id"), str):
                return None, False, True
            value = each.get("value")
            if each["id"] == "tick":
                number = value if isinstance(value, int) else 0
                fresh = fresh or (number >= COUNTED_TICKS and "tick.data" in changed)
                whole = "tick.data" not in changed or number >= COUNTED_TICKS or number % CALM == 0
            elif each.get("property") == "n_intervals":
                continue
            elif each["id"] in OF_ALL:
                given.append((each["id"], str(each.get("property")), orjson.dumps(value)))
            else:
                return None, False, True
        who = scope.get("state", {}).get("principal", NOBODY)
        person = (who.name, who.csrf) if output in self._personal else ()
        ticked = bool(changed) and all(str(name).endswith(("tick.data", ".n_intervals")) for name in changed)
        return (output, tuple(given), whole, frozenset(who.scopes), who.role, person), ticked, fresh


class _Noting(Principal):
    """A principal that notes when more is read of it than what it may do: such an answer is for this person alone."""

    __slots__ = ("noted",)

    def __getattribute__(self, name: str) -> Any:
        if name in _OF_ONE:
            object.__getattribute__(self, "noted").append(name)
        return object.__getattribute__(self, name)


_OF_ONE = frozenset(each.name for each in fields(Principal)) - {"scopes", "role"}


def _noting(who: Principal, noted: list[str]) -> Principal:
    made = object.__new__(_Noting)
    for each in fields(Principal):
        object.__setattr__(made, each.name, getattr(who, each.name))
    object.__setattr__(made, "noted", noted)
    return made


class _Said:
    """A whole answer, gathered from its messages."""

    def __init__(self) -> None:
        self.status = 500
        self.body = b""

    async def receive(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


def _logged(error: Exception | None, output: str) -> bytes:
    error_id = secrets.token_hex(4)
    log.error("answer failed (%s): %s", error_id, output, exc_info=error)
    return _fault(f"this could not be answered; the log names the cause under {error_id}")


def _fault(words: str) -> bytes:
    return orjson.dumps({"error": {"what": words, "where": PATH, "hint": "load the page again"}})


async def _say(send: Send, status: int, body: bytes, mark: str = "", encoding: str = "") -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"vary", b"Accept-Encoding")]
    if status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    if mark:
        headers.append((MARK.encode(), mark.encode()))
    if encoding:
        headers.append((b"content-encoding", encoding.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if status == 204 else body})


def _replayed(body: bytes) -> Receive:
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        if left:
            return left.pop()
        await asyncio.Event().wait()  # nobody hangs up on an answer that others wait for
        raise AssertionError("unreachable")

    return again


async def _whole(receive: Receive) -> bytes | None:
    """The request's body; None where it was broken off or is far too large."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return body
