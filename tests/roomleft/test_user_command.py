"""`roomleft user …`: the same words and deeds in the state database itself and through a running server."""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from dashboards.api.people import make_people_api
from dashboards.api.program import install_errors
from dashboards.door.door import Door
from roomleft.cli import ask
from roomleft.clock import Clock
from tests.fixtures.state import state_url
from tests.roomleft.running import run_command, speak_through
from warehouse.state import Audit, Principal, Role, Scope, Sessions, SignIn, StateDb, Tokens, Users
from warehouse.state.passwords import Passwords

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[StateDb]:
    """The state database of the data folder; ada administers."""
    (tmp_path / "data").mkdir()
    db = StateDb.open(state_url(tmp_path / "data"), Clock())
    Users(db).add("ada", Role.ADMIN)
    yield db
    db.close()


@pytest.fixture(params=["no server", "through a server"])
def run(
    request: pytest.FixtureRequest,
    db: StateDb,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs `roomleft user WORDS…`: exit code and both outputs."""
    for name in [name for name in os.environ if name.startswith("ROOMLEFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROOMLEFT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    if request.param == "through a server":
        parts: Any = SimpleNamespace(state=db, clock=db.clock, settings=SimpleNamespace(oidc=(), public_url=""))
        app = FastAPI()
        install_errors(app)
        app.include_router(make_people_api(parts))
        door = Door(app, tokens=Tokens(db), sign_in=SignIn(db), sessions=Sessions(db), hosts=None)
        token = Tokens(db).add("the command line", {Scope.ADMIN})
        speak_through(monkeypatch, ask, TestClient(door, headers={"Authorization": f"Bearer {token}"}))
    return lambda *words: run_command(monkeypatch, capsys, "user", *words)


def told(run: Run, *words: str) -> Any:
    """What a command says for programs."""
    code, out, err = run(*words, "--json")
    assert code == 0, err
    return json.loads(out)


def by_link(db: StateDb, link: str) -> Principal | None:
    """Who is in after opening a link."""
    secret = SignIn(db).redeem(link.partition("link=")[2])
    return Sessions(db).verify(secret) if secret else None


def test_a_person_from_added_to_removed(run: Run, db: StateDb) -> None:
    code, out, err = run("add", "bo", "--role", "viewer", "--email", "bo@example.org", "--called", "Bo B.")
    assert code == 0
    assert "bo may sign in as viewer." in err
    link = out.strip()
    assert "/sign-in?link=rl_link_" in link, "the last line is the link alone, for a script"
    (person,) = (each for each in told(run, "list") if each["name"] == "bo")
    assert (person["role"], person["email"], person["display_name"]) == ("viewer", "bo@example.org", "Bo B.")
    came = by_link(db, link)
    assert came is not None
    assert (came.name, came.role) == ("bo", Role.VIEWER)
    assert told(run, "role", "bo", "finance")["role"] == "finance"
    assert [each["who"] for each in told(run, "sessions", "bo")] == ["bo"]
    assert told(run, "sign-out", "bo")["sessions_ended"] == 1
    assert told(run, "sessions", "bo") == []
    assert told(run, "disable", "bo")["disabled_at"]
    assert told(run, "enable", "bo")["disabled_at"] is None
    assert told(run, "remove", "bo") == {"name": "bo", "removed": True}
    assert [each["name"] for each in told(run, "list")] == ["ada"]
    deeds = [each.what for each in reversed(Audit(db).recent()) if each.detail.get("name") == "bo"]
    assert [deed for deed in deeds if deed in ("added a user", "changed a role", "disabled a user", "enabled a user", "removed a user")] == [
        "added a user", "changed a role", "disabled a user", "enabled a user", "removed a user",
    ]  # fmt: skip


def test_one_session_is_ended_by_its_name(run: Run, db: StateDb) -> None:
    ada = Users(db).get("ada")
    assert ada is not None
    first, second = (SignIn(db).start(ada, "password") for _ in range(2))
    ended = told(run, "sessions", "ada")[0]["session_id"]
    assert told(run, "sign-out", ended)["session_id"] == ended
    assert [Sessions(db).verify(each) is None for each in (first, second)].count(True) == 1


def test_a_password_is_read_from_standard_input_and_a_lost_one_is_reset(
    run: Run, db: StateDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("seven grey herons wait\n"))
    made = told(run, "add", "cleo", "--role", "oncall", "--password-stdin")
    assert not made["link"]
    assert made["has_password"]
    assert "herons" not in json.dumps(made)
    assert Passwords(db).verify("cleo", "seven grey herons wait") is not None
    link = told(run, "link", "cleo", "--reset")["link"]
    assert Passwords(db).verify("cleo", "seven grey herons wait") is None
    came = by_link(db, link)
    assert came is not None
    assert came.name == "cleo"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("role", "ada", "viewer"), "the last administrator"),
        (("disable", "ada"), "the last administrator"),
        (("remove", "ada"), "the last administrator"),
        (("role", "nobody", "viewer"), "there is no user 'nobody'"),
        (("remove", "nobody"), "there is no user 'nobody'"),
        (("link", "nobody"), "nobody"),
        (("role", "ada", "king"), "king"),
        (("add", "Ada", "--role", "viewer"), "there is already a user"),
        (("add", "dora", "--role", "viewer", "--source", "carrier pigeon"), "carrier pigeon"),
        (("add", "dora", "--role", "viewer", "--source", "oidc:staff"), "there is no provider 'staff'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_told_and_changes_nothing(run: Run, db: StateDb, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert said in err
    assert [(each.name, each.role) for each in Users(db).list()] == [("ada", Role.ADMIN)]


def test_the_last_administrator_goes_when_forced(run: Run, db: StateDb) -> None:
    assert told(run, "role", "ada", "viewer", "--force")["role"] == "viewer"
    assert told(run, "remove", "ada")["removed"]
    assert Users(db).list() == []
