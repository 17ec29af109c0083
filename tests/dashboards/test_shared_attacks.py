"""Nobody can put an answer where others find it, empty the memory from outside, make it grow, or break it with a strange question."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from dash.exceptions import PreventUpdate

import dashboards
from dashboards import block, shared
from dashboards.block import calm, failed_block
from dashboards.door.asking import asking
from dashboards.shared import PATH, Shared
from tests.dashboards.conftest import Driven
from tests.dashboards.test_shared import ANN, BEN, Inner, Time, ask, of, question
from warehouse.state import Principal


def figures(inner: Inner, first: Any, second: Any, seconds_between: float = 0.0) -> list[Any]:
    timer = Time()

    async def run() -> list[Any]:
        answers = of(inner, timer)
        found = [await ask(answers, first, BEN)]
        timer.s += seconds_between
        found.append(await ask(answers, second, ANN))
        return [status if status != 200 else orjson.loads(body)["figure"] for status, _, body in found]

    return asyncio.run(run())


def counting() -> Inner:
    numbers = iter(range(1000))
    return Inner(lambda: {"figure": next(numbers)})


def with_tick(value: Any) -> dict[str, Any]:
    asked = question()
    asked["inputs"][1]["value"] = value
    return asked


POISON = {
    "inputs in another order": {**question(), "inputs": question()["inputs"][::-1]},
    "an input twice": {**question(), "inputs": [*question()["inputs"], question()["inputs"][1]]},
    "no tick": {**question(changed="url.search"), "inputs": question()["inputs"][:1]},
    "a tick that is no number": with_tick({"a": 1}),
    "a tick that is true": with_tick(True),
    "a tick that is a fraction": with_tick(6.5),
    "another property of the tick": {
        **question(),
        "inputs": [question()["inputs"][0], {"id": "tick", "property": "x", "value": 6}],
    },
    "an answer for another element": {**question(), "outputs": {"id": "elsewhere", "property": "children"}},
    "changed what is no input": question(changed="tick.other"),
    "changed nothing that is known": question(changed="list.n_clicks"),
    "changes that are no list": {**question(), "changedPropIds": {"tick.data": 1}},
    "changes that are no names": {**question(), "changedPropIds": [["tick.data"]]},
    "a state more": {**question(), "state": [*question()["state"], {"id": "url", "property": "hash", "value": "#x"}]},
    "a field more": {**question(), "more": 1},
    "a field more of an input": {**question(), "inputs": [{**question()["inputs"][0], "more": 1}, question()["inputs"][1]]},
}


@pytest.mark.parametrize("asked", POISON.values(), ids=POISON)
def test_what_no_page_asks_is_answered_to_nobody_else(asked: Any) -> None:
    assert figures(counting(), asked, question()) == [0, 1]


STRANGE = {
    "output is a list": {**question(), "output": []},
    "output is an object": {**question(), "output": {"a": 1}},
    "inputs are a number": {**question(), "inputs": 7},
    "state is text": {**question(), "state": "abc"},
    "changes are a number": {**question(), "changedPropIds": 7},
    "inputs are lists": {**question(), "inputs": [[{"id": "tick"}]]},
    "an id is an object": {**question(), "inputs": [{"id": {"type": "x"}, "property": "y", "value": 1}]},
    "too deep": {**question(), "more": json.loads("[" * 300 + "]" * 300)},
    "a tick beyond all numbers": with_tick(1e300),
    "a negative tick": with_tick(-5),
}


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("asked", STRANGE.values(), ids=STRANGE)
def test_a_strange_question_breaks_nothing(asked: Any, together: bool) -> None:
    body = json.dumps({"asked": [{"body": asked}, {"body": question()}]} if together else asked).encode()

    async def run() -> tuple[int, bytes]:
        status, _, said = await ask(of(counting()), body)
        return status, said

    status, said = asyncio.run(run())
    if together:
        statuses = dict(line.split()[:2] for line in said.decode().splitlines()[::2])
        assert (status, statuses["1"], set(statuses)) == (200, "200", {"0", "1"})
    else:
        assert status in (200, 400, 503)


DEEDS = {
    "done": (200, "/api/v1/silences", "POST", True),
    "made": (201, "/api/v1/budgets", "POST", True),
    "broken off halfway": (500, "/api/v1/silences", "POST", True),
    "a route that no rule names": (200, "/api/v1/new", "PUT", True),
    "refused": (403, "/api/v1/silences", "POST", False),
    "a webhook with a wrong signature": (401, "/api/v1/pagerduty", "POST", False),
    "no such route": (404, "/wp-login.php", "POST", False),
    "a question in SQL": (200, "/api/v1/sql", "POST", False),
    "data": (200, "/api/v1/usage", "POST", False),
}


@pytest.mark.parametrize(("status", "path", "method", "ends"), DEEDS.values(), ids=DEEDS)
def test_only_what_was_done_ends_what_was_kept(status: int, path: str, method: str, ends: bool) -> None:
    made = 0

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        nonlocal made
        made += scope["path"] == PATH
        code = 200 if scope["path"] == PATH else status
        await send({"type": "http.response.start", "status": code, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def run() -> None:
        answers = Shared(inner, {"top.children"}, Time())
        await ask(answers, question())
        await ask(answers, b"{}", path=path, method=method)
        await ask(answers, question())

    asyncio.run(run())
    assert made == 1 + ends


def test_an_answer_that_began_before_a_deed_is_not_kept() -> None:
    inner = counting()

    async def run() -> list[int]:
        answers, inner.gate = of(inner), asyncio.Event()
        slow = asyncio.create_task(ask(answers, question(), ANN))
        await asyncio.sleep(0)
        deed = asyncio.create_task(ask(answers, b"{}", path="/api/v1/silences"))
        await asyncio.sleep(0)
        inner.gate.set()
        await slow, await deed
        before = len(inner.asked)
        await ask(answers, question(), BEN)
        return [before, len(inner.asked)]

    assert asyncio.run(run()) == [1, 2]


def test_an_older_answer_never_takes_the_place_of_a_newer_one() -> None:
    gates = {6: asyncio.Event(), 1_800_000_000_000: asyncio.Event()}
    timer = Time()

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        number = orjson.loads((await receive())["body"])["inputs"][1]["value"]
        await gates[number].wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": orjson.dumps({"figure": number})})

    async def run() -> Any:
        answers = Shared(inner, {"top.children"}, timer)
        old = asyncio.create_task(ask(answers, question(6)))
        await asyncio.sleep(0)
        timer.s += 0.1
        new = asyncio.create_task(ask(answers, question(1_800_000_000_000)))
        await asyncio.sleep(0)
        gates[1_800_000_000_000].set()
        await new
        gates[6].set()
        await old
        return orjson.loads((await ask(answers, question(12)))[2])["figure"]

    assert asyncio.run(run()) == 1_800_000_000_000


@pytest.mark.parametrize(("size", "most"), [(10, shared.MOST_KEPT), (1_000_000, shared.MOST_KEPT_BYTES // 1_000_000)])
def test_the_memory_is_bounded_and_the_newest_stay(size: int, most: int) -> None:
    inner = Inner(lambda: "x" * size)

    async def run() -> None:
        answers = of(inner)
        for n in range(most + 20):
            await ask(answers, question(search=f"?at={n}"))
        assert len(answers._kept) <= most
        assert answers._bytes == sum(len(each.body) for each in answers._kept.values())
        made = len(inner.asked)
        await ask(answers, question(search=f"?at={most + 19}"))
        assert len(inner.asked) == made
        await ask(answers, question(search="?at=0"))
        assert len(inner.asked) == made + 1

    asyncio.run(run())


def test_a_personal_answer_is_made_once_for_each_who_asks() -> None:
    inner = Inner(lambda: {"you": asking().name})

    async def run() -> list[bytes]:
        answers = of(inner)
        return [(await ask(answers, question(), who))[2] for who in (ANN, BEN, ANN)]

    assert asyncio.run(run()) == [b'{"you":"ann"}', b'{"you":"ben"}', b'{"you":"ann"}']
    assert len(inner.asked) == 3


def test_two_sessions_of_one_name_have_answers_of_their_own() -> None:
    inner = Inner(lambda: {"session": asking().session})
    here, there = (Principal("ann", ANN.scopes, "csrf", None, session) for session in ("here", "there"))

    async def run() -> list[bytes]:
        answers = of(inner)
        await ask(answers, question(), here)
        return [each[2] for each in await asyncio.gather(*(ask(answers, question(), who) for who in (here, there)))]

    assert asyncio.run(run()) == [b'{"session":"here"}', b'{"session":"there"}']


class Ticking(Inner):
    """Pages whose one block looks at the tick as a page's callback does: `look` may raise PreventUpdate."""

    def __init__(self, look: Callable[[Any], None]) -> None:
        super().__init__()
        self.look = look

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(orjson.loads((await receive())["body"]))
        try:
            self.look(self.asked[-1]["inputs"][1]["value"])
            status = 200
        except PreventUpdate:
            status = 204
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b'{"figure":1}' if status == 200 else b""})


@pytest.fixture
def triggered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        triggered_id = "tick"

    monkeypatch.setattr(block, "ctx", Context)


@pytest.mark.usefixtures("triggered")
def test_a_calm_block_is_not_asked_at_the_ticks_it_sits_out() -> None:
    inner = Ticking(calm)

    async def run() -> list[int]:
        answers = of(inner)
        ticks = (7, 8, 9, 12, 13)
        return [(await ask(answers, question(tick)))[0] for tick in ticks] + [
            (await ask(answers, {**question(7), "changedPropIds": ["url.search", "tick.data"]}))[0]
        ]

    assert asyncio.run(run()) == [204, 204, 204, 200, 204, 200]
    assert [each["inputs"][1]["value"] for each in inner.asked] == [7, 12]


def test_a_lively_block_is_made_once_for_all_ticks() -> None:
    inner = Ticking(lambda tick: None)

    async def run() -> list[int]:
        answers = of(inner)
        await ask(answers, question(7))  # that it is redrawn at each tick is learnt here
        return [(await ask(answers, question(tick)))[0] for tick in (8, 12, 13, 18)]

    assert asyncio.run(run()) == [200] * 4
    assert len(inner.asked) <= 2


@pytest.mark.usefixtures("triggered")
def test_a_block_that_turns_calm_never_leaves_a_page_empty() -> None:
    quiet = False

    def look(tick: Any) -> None:
        if quiet:
            calm(tick)

    inner = Ticking(look)
    timer = Time()

    async def run() -> list[int]:
        nonlocal quiet
        answers = of(inner, timer)
        await ask(answers, question(7))
        quiet = True
        timer.s += 60
        both = await asyncio.gather(ask(answers, question(8)), ask(answers, question(None, changed="url.search")))
        return [each[0] for each in both]

    assert asyncio.run(run()) == [204, 200]


def test_a_block_that_could_not_be_made_is_kept_for_a_second_and_never_as_the_one_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    timer = Time()
    made = 0

    def say() -> Any:
        nonlocal made
        made += 1
        timer.s += 3  # it takes its time to fail, as what runs into a time limit does
        failed_block(ValueError("no figure"))
        return {"figure": made}

    inner = Inner(say)

    async def run() -> list[Any]:
        answers = of(inner, timer)
        found = []
        for after_s in (0.0, 0.5, 1.0):
            timer.s += after_s
            found.append(orjson.loads((await ask(answers, question()))[2])["figure"])
        return found

    with caplog.at_level(logging.CRITICAL, "roomleft.pages"):
        assert asyncio.run(run()) == [1, 1, 2]


def test_nothing_but_calm_asks_what_triggered_a_callback() -> None:
    """An answer is shared whatever changed: what depends on it must not be."""
    root = Path(dashboards.__file__).parent
    words = {"triggered", "triggered_id", "triggered_prop_ids", "cookies", "states_list", "inputs_list"}
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in words
        and isinstance(node.value, ast.Name)
        and node.value.id in ("ctx", "callback_context")
    }
    assert found == {"block.py"}


def test_a_page_of_dash_tells_that_its_block_sits_out_ticks(pages: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = Shared._make

    async def counted(self: Shared, scope: Any, asked: Any) -> Any:
        made.append(asked["inputs"][1]["value"])
        return await real(self, scope, asked)

    monkeypatch.setattr(Shared, "_make", counted)

    def ticked(tick: int, changed: str = "tick.data") -> int:
        asked = question(tick, output="slos-top.children", changed=changed)
        asked["outputs"] = {"id": "slos-top", "property": "children"}
        asked["state"][0]["value"] = "/slos"
        return int(pages.client.post(PATH, json=asked).status_code)

    assert [ticked(7), ticked(8), ticked(12), ticked(13), ticked(13, "url.search")] == [204, 204, 200, 204, 200]
    assert made == [7, 12, 13]
