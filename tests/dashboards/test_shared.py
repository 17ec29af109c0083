"""Answers that tabs share: made once, never for others than those who may see the same, and never older than something that was done."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from dashboards.door.asking import asking
from dashboards.shared import MARK, PATH, SHOWN, Shared
from dashboards.snapshot import Snapshots
from warehouse.state import Principal
from warehouse.state import Scope as Right

ANN = Principal("ann", frozenset({Right.READ}), "csrf-ann")
BEN = Principal("ben", frozenset({Right.READ}), "csrf-ben")
CFO = Principal("cfo", frozenset({Right.READ, Right.FINANCE}), "csrf-cfo")


class Inner:
    """The pages behind: counts what it is asked, answers what `say` returns, after `gate` opens."""

    def __init__(self, say: Callable[[], Any] = lambda: {"figure": 1}) -> None:
        self.say = say
        self.asked: list[dict[str, Any]] = []
        self.gate: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        if scope["path"] == PATH:
            self.asked.append(orjson.loads(message["body"]))
        if self.gate is not None:
            await self.gate.wait()
        body = orjson.dumps(self.say())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def question(
    tick: int | None = 6, *, output: str = "top.children", search: str = "", changed: str = "tick.data", **other: Any
) -> dict[str, Any]:
    inputs = [{"id": "url", "property": "search", "value": search}, {"id": "tick", "property": "data", "value": tick}]
    inputs += [{"id": name, "property": "value", "value": value} for name, value in other.items()]
    return {
        "output": output,
        "inputs": inputs,
        "state": [{"id": "url", "property": "pathname", "value": "/"}],
        "changedPropIds": [changed],
    }


async def ask(
    shared: Shared,
    asked: Any,
    who: Principal = ANN,
    headers: dict[str, str] | None = None,
    path: str = PATH,
    method: str = "POST",
) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []
    body = [{"type": "http.request", "body": asked if isinstance(asked, bytes) else orjson.dumps(asked), "more_body": False}]

    async def receive() -> Any:
        return body.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    lines = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "method": method, "path": path, "headers": lines, "query_string": b"", "state": {"principal": who}}
    await shared(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(each.get("body", b"") for each in sent[1:])


def of(inner: Inner, timer: Time | None = None) -> Shared:
    return Shared(inner, {"top.children", "list.children"}, timer or Time())


SAME = {
    "another tick": (question(6), question(12)),
    "loading the page": (question(None, changed="url.search"), question(6)),
}
OTHER = {
    "address": (question(6), question(6, search="?platform=scribe")),
    "output": (question(6), question(6, output="list.children")),
    "a tick that calm blocks skip": (question(6), question(7)),
}


@pytest.mark.parametrize(("first", "second"), SAME.values(), ids=SAME)
def test_the_same_question_is_answered_once(first: Any, second: Any) -> None:
    inner = Inner()

    async def run() -> None:
        shared = of(inner)
        one, two = await ask(shared, first, ANN), await ask(shared, second, BEN)
        assert one == two
        assert orjson.loads(two[2]) == {"figure": 1}

    asyncio.run(run())
    assert len(inner.asked) == 1


@pytest.mark.parametrize(("first", "second"), OTHER.values(), ids=OTHER)
def test_another_question_is_another_answer(first: Any, second: Any) -> None:
    inner = Inner()

    async def run() -> None:
        shared = of(inner)
        await ask(shared, first)
        await ask(shared, second)

    asyncio.run(run())
    assert len(inner.asked) == 2


def test_what_depends_on_more_than_the_address_is_not_shared() -> None:
    inner = Inner()

    async def run() -> None:
        shared = of(inner)
        for _ in range(2):
            await ask(shared, question(6, field="typed"))

    asyncio.run(run())
    assert len(inner.asked) == 2


def test_those_who_may_see_more_have_answers_of_their_own() -> None:
    inner = Inner(lambda: {"users": asking().may(Right.FINANCE)})

    async def run() -> list[bytes]:
        shared = of(inner)
        return [(await ask(shared, question(), who))[2] for who in (ANN, CFO, BEN)]

    assert asyncio.run(run()) == [b'{"users":false}', b'{"users":true}', b'{"users":false}']
    assert len(inner.asked) == 2


def test_what_names_a_person_is_for_that_person_alone() -> None:
    inner = Inner(lambda: {"you": asking().name})

    async def run() -> list[bytes]:
        shared = of(inner)
        together = await asyncio.gather(*(ask(shared, question(), who) for who in (ANN, BEN)))
        later = [await ask(shared, question(), who) for who in (BEN, ANN)]
        return [each[2] for each in (*together, *later)]

    assert asyncio.run(run()) == [b'{"you":"ann"}', b'{"you":"ben"}', b'{"you":"ben"}', b'{"you":"ann"}']


def test_a_tab_that_goes_away_takes_nobodys_answer() -> None:
    inner = Inner()

    async def run() -> bytes:
        shared, inner.gate = of(inner), asyncio.Event()
        gone, stays = (asyncio.create_task(ask(shared, question(), who)) for who in (ANN, BEN))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        inner.gate.set()
        return (await stays)[2]

    assert asyncio.run(run()) == b'{"figure":1}'
    assert len(inner.asked) == 1


def test_a_read_that_one_tab_gives_up_reaches_the_others() -> None:
    import threading

    go = threading.Event()

    async def run() -> str:
        snapshots = Snapshots()
        first = asyncio.create_task(snapshots.get("key", lambda: go.wait(10) and "read"))
        await asyncio.sleep(0)
        second = asyncio.create_task(snapshots.get("key", lambda: "another"))
        third = asyncio.create_task(snapshots.get("key", lambda: "another"))
        await asyncio.sleep(0)
        second.cancel()
        first.cancel()
        await asyncio.sleep(0)
        go.set()
        return str(await third)

    assert asyncio.run(run()) == "read"


def test_a_deed_ends_what_was_kept_and_a_push_of_data_does_not() -> None:
    numbers = iter(range(10))
    inner = Inner(lambda: {"figure": next(numbers)})

    async def run() -> list[Any]:
        shared = of(inner)
        found = []
        for path in ("", "/api/v1/usage", "/api/v1/silences"):
            if path:
                await ask(shared, b"{}", path=path)
            found.append(orjson.loads((await ask(shared, question()))[2])["figure"])
        return found

    # The push and the silence were answered by the same pages: 1 and 2.
    assert asyncio.run(run()) == [0, 0, 3]


def test_asking_again_is_answered_anew_and_for_the_others_too() -> None:
    numbers = iter(range(10))
    inner = Inner(lambda: {"figure": next(numbers)})

    async def run() -> list[Any]:
        shared = of(inner)
        asks = (question(6), question(1_800_000_000_000), question(12))
        return [orjson.loads((await ask(shared, each))[2])["figure"] for each in asks]

    assert asyncio.run(run()) == [0, 1, 1]


def test_a_slow_answer_leaves_the_old_figures_to_ticks_alone() -> None:
    numbers = iter(range(10))
    inner = Inner(lambda: {"figure": next(numbers)})
    timer = Time()

    async def run() -> tuple[Any, Any]:
        shared = of(inner, timer)
        await ask(shared, question(6))
        timer.s += 6
        inner.gate = asyncio.Event()
        ticked = orjson.loads((await ask(shared, question(12)))[2])
        person = asyncio.create_task(ask(shared, question(None, changed="url.search")))
        await asyncio.sleep(0)
        inner.gate.set()
        return ticked, orjson.loads((await person)[2])

    assert asyncio.run(run()) == ({"figure": 0}, {"figure": 1})
    assert len(inner.asked) == 2, "the new answer was made once for both"


def test_what_is_on_the_screen_is_not_sent_again() -> None:
    inner = Inner()

    async def run() -> None:
        shared = of(inner)
        _, headers, _ = await ask(shared, question())
        status, again, body = await ask(shared, question(), headers={SHOWN: headers[MARK]})
        assert (status, again[MARK], body) == (204, headers[MARK], b"")
        assert (await ask(shared, question(), headers={SHOWN: "another"}))[0] == 200

    asyncio.run(run())


def test_a_large_answer_is_compressed() -> None:
    inner = Inner(lambda: {"rows": "x" * 5000})

    async def run() -> tuple[int, dict[str, str], bytes]:
        return await ask(of(inner), question(), headers={"accept-encoding": "gzip, br"})

    _, headers, body = asyncio.run(run())
    assert headers["content-encoding"] == "gzip"
    assert orjson.loads(gzip.decompress(body)) == {"rows": "x" * 5000}


@pytest.mark.parametrize("zipped", [True, False])
def test_many_questions_in_one_request(zipped: bool) -> None:
    inner = Inner()

    async def run() -> dict[str, tuple[str, bytes]]:
        shared = of(inner)
        _, headers, _ = await ask(shared, question())
        items = [
            {"shown": headers[MARK], "body": question()},
            {"body": question(output="list.children")},
            {"body": question(output="gone")},
            7,
        ]
        _, head, body = await ask(shared, {"asked": items}, headers={"accept-encoding": "gzip"} if zipped else {})
        assert head.get("content-encoding") == ("gzip" if zipped else None)
        lines = (gzip.decompress(body) if zipped else body).split(b"\n")
        return {
            first.decode().split()[0]: (first.decode().split()[1], second)
            for first, second in zip(lines[::2], lines[1::2], strict=False)
        }

    found = asyncio.run(run())
    assert {number: status for number, (status, _) in found.items()} == {"0": "204", "1": "200", "2": "400", "3": "400"}
    assert (found["0"][1], orjson.loads(found["1"][1])) == (b"", {"figure": 1})
    assert b"another Roomleft" in found["2"][1]


BROKEN = {
    "no JSON": b"{",
    "a list": b"[]",
    "nothing": b"",
    "no such output": orjson.dumps({"output": "gone"}),
    "no output": b"{}",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_question_nobody_understands_is_refused(body: bytes) -> None:
    inner = Inner()
    status, _, said = asyncio.run(ask(of(inner), body))
    assert (status, inner.asked) == (400, [])
    assert set(orjson.loads(said)["error"]) == {"what", "where", "hint"}


def test_a_fault_is_in_the_log_and_no_answer_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([ValueError("no figure"), None])

    def say() -> Any:
        fault = next(answers)
        if fault:
            raise fault
        return {"figure": 1}

    async def run() -> list[int]:
        shared = of(Inner(say))
        return [(await ask(shared, question()))[0] for _ in range(2)]

    with caplog.at_level(logging.ERROR, "roomleft.pages"):
        assert asyncio.run(run()) == [503, 200]
    assert "no figure" in caplog.text
