"""Whoever finds nothing, or a fault, is told what to do next: in every block of every page, and on the pages made on the server."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.block import failed_block
from dashboards.components import states
from dashboards.on_call_routes import make_on_call
from roomleft.errors import QueryTimeout
from tests.dashboards.alert_world import alert_world
from tests.dashboards.conftest import texts
from tests.dashboards.test_links import links, plain

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dashboards").rglob("*.py"))


def calls(name: str) -> list[tuple[str, ast.Call]]:
    """Every call of a function of `states`, with where it stands."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for path in FILES
        if f"states.{name}(" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"states.{name}"
    ]


def says_nothing(node: ast.expr | None) -> bool:
    """Whether a value is left out, an empty text or an empty list."""
    return node is None or (isinstance(node, ast.Constant) and not node.value) or (isinstance(node, ast.List) and not node.elts)


@pytest.mark.parametrize(("at", "call"), [pytest.param(at, call, id=at) for at, call in calls("empty")])
def test_every_empty_state_has_a_next_step(at: str, call: ast.Call) -> None:
    given = {each.arg: each.value for each in call.keywords}
    actions = call.args[1] if len(call.args) > 1 else given.get("actions")
    assert not (says_nothing(actions) and says_nothing(given.get("then"))), f"{at} says that there is nothing, and not what to do"


def test_there_are_empty_states_to_look_at() -> None:
    assert len(calls("empty")) > 30


@pytest.mark.parametrize("error", [QueryTimeout("it took too long", "warehouse", "ask for less"), ValueError("x")])
def test_a_failed_block_can_be_tried_again_and_told_of(error: Exception) -> None:
    words = texts(plain(failed_block(error)))
    assert "Try again" in words
    assert "Copy error id" in words
    assert "Ask for less." in words or re.search(r"The log names the cause under [0-9a-f]{8}\.", words)


def test_an_empty_state_says_its_next_step_in_words_and_as_buttons() -> None:
    shown = plain(states.empty("Nothing.", [], then="Do this."))
    assert texts(shown).split() == "Nothing. Do this.".split()
    assert links(shown) == []


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    world = alert_world(tmp_path_factory.mktemp("steps"))
    server = FastAPI()
    server.include_router(make_on_call(world.parts))
    yield TestClient(server)
    world.close()


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/alerts/none", 404, '<a href="/on-call">On call</a> shows what fires now'),
        ("/alerts/none/none", 404, '<a href="/on-call">On call</a> shows what fires now'),
        ("/runbooks/scribe/ai-cost-unusal", 404, "did you mean &#x27;scribe/ai-cost-unusual&#x27;?"),
        ("/status/scrib", 404, "did you mean &#x27;scribe&#x27;?"),
        ("/s/nothing", 404, "ask whoever gave it to you for a new one"),
    ],
)
def test_a_page_that_is_not_there_says_where_to_go(client: TestClient, path: str, status: int, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert says in answer.text
