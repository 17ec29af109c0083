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
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.block import COUNTED_TICKS, FAILED, HELD, remarks
from dashboards.door.asking import asked_by, asking
from dashboards.door.rules import RULES, SAFE_METHODS, needed_scope
from dashboards.personal import noting
from warehouse.state import Scope as Right

log = logging.getLogger("roomleft.pages")

PATH = "/_dash-update-component"
SHOWN, MARK = "x-roomleft-shown", "x-roomleft-answer"
OF_ALL = frozenset({"url", "tick", "theme"})
"""Components that every page has, whose values are the whole of what a shared answer depends on."""
TICK = "tick.data"
CHANGES = ("changedPropIds", "parsedChangedPropsIds")
KEEP_S, KEEP_LONGEST_S, STALE_S = 1.0, 5.0, 20.0
TIMES_ITS_COST = 8
"""For ticks an answer is kept this many times as long as it took to make, within the two limits above; who comes anew waits for a new one."""
PATIENCE_S = 0.25
"""How long a tick waits for a new answer before it takes the one before."""
MOST_KEPT, MOST_KEPT_BYTES = 512, 64_000_000
MOST_ASKED, MOST_BYTES = 64, 2_000_000
SMALLEST = 1024
CALM = 6


@dataclass(slots=True)
class Answer:
    """One answer: what it says, a mark that names its content, and for how long it is good."""

    status: int
    body: bytes
    mark: str
    personal: bool = False
    held: bool = False
    failed: bool = False
    keep_s: float = KEEP_S
    began_at: float = 0.0
    made_at: float = 0.0
    packed: bytes = b""


@dataclass(frozen=True, slots=True)
class Question:
    """A question whose answer may be shared: `key` is all that its answer depends on. `ticked`: a tick of the page asks, nobody who waits;
    `whole`: blocks that do not redraw at each tick are drawn too; `fresh`: the answer must be a new one; `own`: it is for one person.
    """

    key: Hashable
    output: str
    ticked: bool
    whole: bool
    fresh: bool
    own: bool


class Shared:
    """ASGI middleware inside the door. `outputs` are the callbacks there are (`Dash.callback_map`)."""

    def __init__(self, app: ASGIApp, outputs: Container[str], timer: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._outputs = outputs
        self._timer = timer
        self._kept: dict[Hashable, Answer] = {}
        self._making: dict[Hashable, asyncio.Task[Answer]] = {}
        self._bytes = 0
        self._personal: set[str] = set()
        # Outputs that sit out most ticks, and those seen to be redrawn at each: the latter need one answer for all ticks.
        self._calm: set[str] = set()
        self._lively: set[str] = set()
        self._deeds = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
        elif scope["path"] != PATH:
            await self._done(scope, receive, send)
        else:
            await self._asked(scope, receive, send)

    async def _done(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A deed, perhaps."""
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            status = message["status"] if message["type"] == "http.response.start" else status
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            # What was refused changed nothing: else whoever is turned away could keep this memory empty.
            refused = 400 <= status < 500
            if not refused and needed_scope(RULES, scope["method"], scope["path"]) not in (Right.READ, Right.INGEST):
                self.forget()

    def forget(self) -> None:
        """Somebody did something: what was answered before may not be true any more."""
        self._deeds += 1
        self._bytes = 0
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
            try:
                return number, await self._answer(scope, question), str(each.get("shown") or "")
            except Exception as error:  # the others' answers still come
                return number, Answer(503, _logged(error, str(question.get("output"))), ""), ""

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
        output = asked.get("output")
        if not isinstance(output, str) or output not in self._outputs:
            return Answer(400, _fault("this page is of another Roomleft: load it again"), "")
        question = self._question(scope, asked)
        if question is None:
            return await self._make(scope, asked)
        if not question.whole and output in self._calm:
            return Answer(204, b"", "")
        kept = None if question.fresh else self._kept.get(question.key)
        age_s = self._timer() - kept.made_at if kept else 0.0
        if kept and age_s < (kept.keep_s if question.ticked else KEEP_S):
            return kept
        making = None if question.fresh else self._making.get(question.key)
        mine = making is None
        if making is None:
            making = asyncio.create_task(self._keeping(question, scope, asked, self._timer()))
            self._making[question.key] = making
        if kept and question.ticked and not kept.failed and age_s < STALE_S:
            done, _ = await asyncio.wait([making], timeout=PATIENCE_S)
            if not done:
                return kept
        # Shielded: who goes away must not take the answer from those who stay.
        answer = await asyncio.shield(making)
        anothers = answer.personal and not (mine or question.own)
        return await self._make(scope, asked) if anothers or (answer.held and question.whole) else answer

    async def _keeping(self, question: Question, scope: Scope, asked: Mapping[str, Any], began: float) -> Answer:
        """Make an answer and keep it, unless it is for one person or something was done meanwhile."""
        deeds = self._deeds
        try:
            answer = await self._make(scope, asked)
            if answer.personal:
                self._personal.add(question.output)
            elif answer.held:
                self._calm.add(question.output)
                self._lively.discard(question.output)
            elif answer.status in (200, 204):
                if not question.whole and question.output not in self._calm:
                    self._lively.add(question.output)
                if deeds == self._deeds:
                    self._keep(question.key, answer, began)
            return answer
        finally:
            if self._making.get(question.key) is asyncio.current_task():
                del self._making[question.key]

    def _keep(self, key: Hashable, answer: Answer, began: float) -> None:
        answer.began_at, answer.made_at = began, self._timer()
        before = self._kept.get(key)
        if before is not None and before.began_at > began:
            return  # one that was asked for later is there already
        if not answer.failed:
            answer.keep_s = min(KEEP_LONGEST_S, max(KEEP_S, TIMES_ITS_COST * (answer.made_at - began)))
        self._drop(key)
        self._kept[key] = answer
        self._bytes += len(answer.body)
        while len(self._kept) > MOST_KEPT or self._bytes > MOST_KEPT_BYTES:
            self._drop(next(iter(self._kept)))  # the oldest

    def _drop(self, key: Hashable) -> None:
        dropped = self._kept.pop(key, None)
        self._bytes -= len(dropped.body) if dropped else 0

    async def _make(self, scope: Scope, asked: Mapping[str, Any]) -> Answer:
        said = _Said()
        noted: list[str] = []
        who = noting(scope.get("state", {}).get("principal") or asking(), noted)
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name not in (b"accept-encoding", b"content-length", SHOWN.encode())
        ]
        remarked: set[str] = set()
        try:
            body = orjson.dumps(asked)
            inner = {
                **scope,
                "headers": [*headers, (b"content-length", str(len(body)).encode())],
                "state": {**scope.get("state", {}), "principal": who},
            }
            with asked_by(who), remarks() as remarked:
                await self._app(inner, _replayed(body), said.receive)
        except Exception as error:
            # The figures on the screen stay, with their age; the page asks again at its next tick.
            said.status, said.body = 503, _logged(error, str(asked["output"]))
        if said.status == 500:
            said.status, said.body = 503, _logged(None, str(asked["output"]))
        mark = hashlib.blake2b(said.body, digest_size=9).hexdigest() if said.status == 200 else ""
        return Answer(said.status, said.body, mark, bool(noted), HELD in remarked, FAILED in remarked)

    def _question(self, scope: Scope, asked: Mapping[str, Any]) -> Question | None:
        """The question, if its answer depends on no more than is shared. All that it says goes into its key but how often the page ticked and
        what changed, which must be of the kind that pages send: nobody can put an answer of another making where others find it.
        """
        parts = [asked.get("inputs") or [], asked.get("state") or []]
        changed = asked.get("changedPropIds") or []
        if not all(isinstance(each, list) for each in (*parts, changed)):
            return None
        alike: list[list[dict[str, Any]]] = [[], []]
        names, number = set(), 0
        for part, told in zip(parts, alike, strict=True):
            for each in part:
                if not isinstance(each, dict) or not isinstance(each.get("id"), str):
                    return None
                name, value = f"{each['id']}.{each.get('property')}", each.get("value")
                names.add(name)
                if name == TICK or name.endswith(".n_intervals"):
                    if value is not None and type(value) is not int:
                        return None
                    number = value or 0 if name == TICK else number
                    told.append({**each, "value": None})
                elif each["id"] in OF_ALL:
                    told.append(each)
                else:
                    return None
        if not all(isinstance(name, str) and name in names for name in changed):
            return None
        rest = {name: value for name, value in asked.items() if name not in ("inputs", "state", *CHANGES)}
        try:
            said = orjson.dumps([rest, *alike], option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            return None
        output = str(asked["output"])
        # As `calm` sees it, which looks at what changed first.
        whole = not (changed and changed[0] == TICK and number < COUNTED_TICKS and number % CALM)
        fresh = number >= COUNTED_TICKS and TICK in changed
        who = scope.get("state", {}).get("principal") or asking()
        person = (who.name, who.csrf, who.session) if output in self._personal else ()
        ticked = bool(changed) and all(name == TICK or name.endswith(".n_intervals") for name in changed)
        key = (hashlib.blake2b(said).digest(), whole or output in self._lively, frozenset(who.scopes), who.role, person)
        return Question(key, output, ticked, whole, fresh, bool(person))


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
