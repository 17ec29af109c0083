"""The HTTP face: the contract's routes and bodies, refusals, compression and the faults of the wire."""

from __future__ import annotations

import pytest

from collectors.standin.app import build
from collectors.standin.standin import StandIn
from roomleft.packs_standin import STREAMS
from tests.collectors.standin.client import Client
from tests.collectors.standin.conftest import Make
from tests.collectors.standin.contract import CONTRACT, Mismatch, answer_schema, check

TOKEN = "let-me-in"
GET_ROUTES = [path for path, item in CONTRACT["paths"].items() if "get" in item]
QUERY = {"/business": "?from=2026-11-18&to=2026-11-21"}


@pytest.fixture
def platform(make: Make) -> StandIn:
    return make(days=2)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(platform: StandIn, slept: list[float]) -> Client:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 3:  # whoever waits for a hanging answer sees it end after the fault
            platform.faults.switch("hang", False, platform.now_us())

    app = build({"scribe": platform, "second": platform}, TOKEN, sleep)
    return Client(app, "http://standin/scribe", TOKEN)


def test_every_route_of_the_contract_is_served_and_no_other(platform: StandIn):
    served = set()
    for route in _flat(build({"scribe": platform}, TOKEN).routes):
        for method in getattr(route, "methods", None) or ():
            if method != "HEAD":
                served.add((route.path.removeprefix("/scribe"), method.lower()))
    assert served == {(path, method) for path, item in CONTRACT["paths"].items() for method in item}


def _flat(routes) -> list:
    found = []
    for route in routes:
        inner = getattr(route, "effective_candidates", None)
        found += list(inner()) if callable(inner) else _flat(route.routes) if hasattr(route, "routes") else [route]
    return found


@pytest.mark.parametrize("path", GET_ROUTES)
def test_answers_have_the_form_that_the_contract_gives(client: Client, path: str):
    answer = client.get(path + QUERY.get(path, ""))
    assert answer.status_code == 200
    (media,) = CONTRACT["paths"][path]["get"]["responses"]["200"]["content"]
    assert answer.headers["content-type"].startswith(media)
    if media != "text/plain":
        assert answer.json()
        check(answer.json(), answer_schema(path, 200))


@pytest.mark.parametrize(
    ("path", "broken"),
    [
        ("/usage", {"records": [{"id": 7}]}),
        ("/usage", {"records": [], "more": "yes"}),
        ("/samples", {"oldest_at": "2026-11-20T12:00:00"}),
        ("/health", {"checks": {"a:b": [{"status": "fine"}]}}),
        ("/business", {"records": [{"day": "2026-11-20", "revenue_usd": 3.5}]}),
    ],
)
def test_the_contract_refuses_what_it_should(client: Client, path: str, broken: dict):
    body = client.get(path + QUERY.get(path, "")).json()
    with pytest.raises(Mismatch):
        check({**body, **broken}, answer_schema(path, 200))


def test_the_contract_is_served_as_it_is_written(client: Client):
    assert client.get("/openapi.json").json() == CONTRACT


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN} ", "Bearer é"])
@pytest.mark.parametrize("path", [*GET_ROUTES, "/faults/hang"])
def test_without_the_token_nothing_is_told(client: Client, path: str, header: str | None):
    client.headers.pop("authorization")
    headers = {} if header is None else {"Authorization": header.encode()}
    answer = client.put(path, headers=headers, json={"on": True}) if "hang" in path else client.get(path, headers=headers)
    if header == f"Bearer {TOKEN} ":  # HTTP trims a header's outer spaces
        return
    assert answer.status_code == 401
    check(answer.json(), answer_schema("/usage", 401))


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("limit", ["0", "-1", "10001", "1.5", "ten", "", "1e3", "٣", "9" * 5000])
def test_a_limit_out_of_bounds_is_refused(client: Client, stream: str, limit: str):
    answer = client.get(f"/{stream}", params={"limit": limit})
    assert answer.status_code == 400
    check(answer.json(), answer_schema("/usage", 400))


@pytest.mark.parametrize("limit", [None, 1, 10_000])
def test_a_limit_in_bounds_is_kept(client: Client, limit: int | None):
    page = client.get("/usage", params={} if limit is None else {"limit": limit}).json()
    assert len(page["records"]) == min(limit or 1000, 10_000) or not page["more"]
    assert page["after"] is None


def test_an_unknown_cursor_is_gone(client: Client):
    answer = client.get("/usage", params={"after": "nonsense"})
    assert answer.status_code == 410
    check(answer.json(), answer_schema("/usage", 410))


def test_pages_follow_one_another(client: Client):
    first = client.get("/usage", params={"limit": 5}).json()
    second = client.get("/usage", params={"limit": 5, "after": first["next"]}).json()
    both = client.get("/usage", params={"limit": 10}).json()
    assert second["after"] == first["next"]
    assert first["records"] + second["records"] == both["records"]


@pytest.mark.parametrize("stream", STREAMS)
def test_a_range_is_echoed_as_it_was_written(client: Client, stream: str):
    page = client.get(f"/{stream}", params={"since": "2026-11-19T12:00:00+02:00", "limit": "5"}).json()
    assert (page["since"], page["until"]) == ("2026-11-19T12:00:00+02:00", None)
    check(page, answer_schema(f"/{stream}", 200))


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-19", "2026-11-19T12:00:00", "2026-13-01T00:00:00Z"])
def test_an_edge_that_is_no_instant_is_refused(client: Client, name: str, text: str):
    answer = client.get("/usage", params={name: text})
    assert answer.status_code == 400
    check(answer.json(), answer_schema("/usage", 400))


def test_a_range_that_ends_before_it_begins_is_refused(client: Client):
    assert client.get("/usage?since=2026-11-19T12:00:00Z&until=2026-11-19T12:00:00Z").status_code == 400


@pytest.mark.parametrize(
    "query",
    ["", "from=2026-11-01", "from=x&to=2026-11-02", "from=2026-11-02&to=2026-11-01", "from=2026-11-01&to=2026-11-01",
     "from=2024-01-01&to=2026-01-01", "from=2026-11-01T00:00:00&to=2026-11-02"],
)  # fmt: skip
def test_business_refuses_what_is_not_a_span_of_days(client: Client, query: str):
    answer = client.get(f"/business?{query}")
    assert answer.status_code == 400
    check(answer.json(), answer_schema("/business", 400))


def test_compression_only_for_who_accepts_it(client: Client):
    plain = client.get("/usage", headers={"Accept-Encoding": "identity"})
    packed = client.get("/usage", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content


def test_a_fault_is_switched_over_http_for_every_platform_of_its_own(client: Client, platform: StandIn):
    assert client.put("/faults/replica_lag", json={"on": True}).json() == {"name": "replica_lag", "on": True}
    assert {f["name"] for f in client.get("/faults").json() if f["on"]} == {"replica_lag"}
    assert client.put("/faults/replica_lag", json={"on": False}).json()["on"] is False
    assert not any(f["on"] for f in client.get("/faults").json())


@pytest.mark.parametrize(
    ("body", "path", "status"),
    [
        ({"on": "yes"}, "/faults/hang", 400),
        ({}, "/faults/hang", 400),
        ([], "/faults/hang", 400),
        ({"on": True}, "/faults/nonsense", 404),
    ],
)
def test_a_wrong_switch_is_refused(client: Client, body: object, path: str, status: int):
    answer = client.put(path, json=body)
    assert answer.status_code == status
    check(answer.json(), answer_schema("/faults/{fault}", status, "put"))


@pytest.mark.parametrize("path", [*(f"/{s}" for s in STREAMS), "/business", "/health", "/metrics"])
def test_under_a_rate_limit_every_route_says_when_to_come_back(client: Client, path: str):
    client.put("/faults/rate_limited", json={"on": True})
    answer = client.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    check(answer.json(), answer_schema(path, 429))
    client.put("/faults/rate_limited", json={"on": False})
    assert client.get(path + QUERY.get(path, "")).status_code == 200


def test_the_other_faults_of_the_wire(client: Client, slept: list[float]):
    client.put("/faults/broken", json={"on": True})
    assert client.get("/usage").status_code == 500
    client.put("/faults/broken", json={"on": False})

    client.put("/faults/garbage", json={"on": True})
    with pytest.raises(ValueError):
        client.get("/usage").json()
    client.put("/faults/garbage", json={"on": False})

    client.put("/faults/slow_health", json={"on": True})
    assert client.get("/health").status_code == 200
    assert slept == [8.0]
    client.get("/usage")
    assert slept == [8.0]

    client.put("/faults/hang", json={"on": True})
    assert client.get("/usage").status_code == 200  # answers only once the fault is over
    assert len(slept) > 3


def test_a_failing_platform_answers_503_with_the_same_body(client: Client):
    client.put("/faults/pool_exhaustion", json={"on": True})
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/health+json"
    check(answer.json(), answer_schema("/health", 503))


@pytest.mark.parametrize("path", ["/nothing", "/usage/more", "/"])
def test_an_unknown_path_is_told_in_the_same_form(client: Client, path: str):
    answer = client.get(path)
    assert answer.status_code == 404
    check(answer.json(), answer_schema("/usage", 400))
