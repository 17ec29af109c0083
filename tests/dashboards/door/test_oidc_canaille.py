"""Signing in with a real provider of identities."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashboards.door.door import Door
from dashboards.door.oidc import Oidc
from roomleft.clock import Clock
from roomleft.settings_sign_in import OidcProvider
from tests.fixtures.canaille import CLIENT, SECRET, running_canaille, sign_in_there
from warehouse.state import Sessions, SignIn, StateDb, Tokens, Users

with warnings.catch_warnings():  # Starlette would rather have httpx2, which nothing else here needs
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

pytestmark = pytest.mark.peers
HERE = "http://127.0.0.1:8470"
BACK = f"{HERE}/sign-in/oidc/staff/callback"


async def who(request: Request) -> JSONResponse:
    principal = request.state.principal
    return JSONResponse({"name": principal.name, "role": principal.role, "display_name": principal.display_name})


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_canaille(tmp_path_factory.mktemp("canaille"), BACK) as url:
        yield url


def test_a_person_signs_in_at_a_real_provider(issuer: str, tmp_path: Path) -> None:
    with contextlib.closing(StateDb.open(f"sqlite:///{tmp_path / 'state.db'}", Clock())) as db:
        provider = OidcProvider(
            "staff", issuer, CLIENT, SECRET, "Staff", "openid profile email groups", "groups", (("books", "finance"),)
        )
        app = Starlette(routes=[Route("/{path:path}", who)])
        door = Door(app, tokens=Tokens(db), sign_in=SignIn(db), sessions=Sessions(db), oidc=Oidc([provider], db))
        for _ in range(2):  # the second time they are known
            browser = TestClient(door, base_url=HERE, follow_redirects=False)
            off = browser.get("/sign-in/oidc/staff", params={"next": "/cost"})
            back = sign_in_there(off.headers["location"], BACK)
            done = browser.get(back)
            assert (done.status_code, done.headers["location"]) == (303, "/cost"), done.text
            assert browser.get("/x").json() == {"name": "grace@example.org", "role": "finance", "display_name": "Grace Hopper"}
        assert [(user.name, user.source) for user in Users(db).list()] == [("grace@example.org", "oidc")]
        stolen = TestClient(door, base_url=HERE, follow_redirects=False)
        assert stolen.get(back).status_code == 403
