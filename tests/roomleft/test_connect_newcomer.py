"""The first ten minutes: somebody with a PostgreSQL and a Redis of their own sees a figure of their own, and writes no YAML."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from roomleft.packs import load_pack
from tests.chaos.server import Server
from tests.fixtures.pages import Pages
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.redis import StartRedis
from tests.roomleft.test_connect import Newcomer

pytestmark = pytest.mark.peers
PASSWORD = "p@ss/word#1"


def test_postgres_then_redis_then_a_probe(tmp_path: Path, postgres_url: str, start_redis: StartRedis) -> None:
    person = Newcomer(tmp_path)
    began = time.monotonic()
    process = person.start("connect", "postgres", postgres_url, "--platform", "shop", "--interval", "1s", "--json")
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert time.monotonic() - began < 60, "the promise of ten minutes is one minute"
        assert [row for row in said["limits"] if row["state"] != "unknown"], said
        told = json.loads(person.run("status", "--json").stdout)
        assert [row for row in told if row["platform"] == "shop" and row["state"] in ("ok", "tight")]
        cache = start_redis()
        port = cache.port
        added = person.connect("redis", f"127.0.0.1:{port}", "--interval", "1s")
        assert (added["platform"], added["created"]) == ("shop", False)
        probed = person.connect("probe", f"tcp://127.0.0.1:{port}", "--interval", "1s")
        assert probed["platform"] == "shop"
        with person.server() as http:
            states = {each["source"]: (each["state"], each["words"]) for each in http.get("/api/v1/sources").json()}
            assert set(states) == {"shop.postgres", "shop.redis", "shop.probe"}
            for source in states:
                test = http.post(f"/api/v1/sources/{source}/test").json()
                assert test["ok"], test
            cache.stop()
            test = http.post("/api/v1/sources/shop.redis/test").json()
            assert not test["ok"]
            assert test["words"]
            assert test["hint"]
            (told,) = (each for each in http.get("/api/v1/sources").json() if each["source"] == "shop.redis")
            assert (told["state"], bool(told["words"]), bool(told["hint"])) == ("failing", True, True)
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "starting one here" in err
    # Everything that was connected is there again, in a new process.
    again = Server(person.data)
    again.start()
    try:
        assert {row["platform"] for row in person.status().values()} == {"shop"}
        with person.server() as http:
            assert len(http.get("/api/v1/sources").json()) == 3
    finally:
        again.stop()
    pack = load_pack(person.data / "packs" / "shop.yaml")
    assert {source.kind for source in pack.sources} == {"postgres", "redis", "probe"}
    assert {component.id for component in pack.components} >= {"database", "cache"}
    assert person.run("check", person.data / "packs").returncode == 0


@pytest.fixture
def guarded_url(postgres_server: PostgresServer, postgres_url: str) -> str:
    """The URL of the same database for a user who has to give a password, without it."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS watcher")
        connection.execute(f"CREATE ROLE watcher LOGIN PASSWORD '{PASSWORD}'")
        connection.execute("GRANT pg_monitor TO watcher")
    parts = urlsplit(postgres_url)
    return f"postgresql://watcher@{parts.hostname}:{parts.port}{parts.path}"


def test_a_password_in_the_address_goes_to_the_credentials_and_nowhere_else(tmp_path: Path, guarded_url: str) -> None:
    person = Newcomer(tmp_path)
    encoded = guarded_url.replace("watcher@", "watcher:p%40ss%2Fword%231@")
    done = person.run("connect", "postgres", encoded, "--platform", "shop", "--no-start")
    assert done.returncode == 0, done.stderr
    pack = (person.data / "packs" / "shop.yaml").read_text()
    assert PASSWORD not in pack + done.stdout + done.stderr
    assert "p%40ss" not in pack + done.stdout + done.stderr
    assert guarded_url in pack
    assert json.loads((person.data / "credentials.json").read_text()) == {"SHOP_POSTGRES_PASSWORD": PASSWORD}
    for file in person.data.rglob("*"):
        if file.is_file() and file.name != "credentials.json":
            assert PASSWORD.encode() not in file.read_bytes(), file
    again = person.run("connect", "postgres", guarded_url, "--no-start")
    assert again.returncode == 0, "the password that was kept is used again"
    assert "no new limits" in again.stderr


def test_the_password_on_standard_input_and_in_a_variable(tmp_path: Path, guarded_url: str) -> None:
    person = Newcomer(tmp_path)
    done = person.run("connect", "postgres", guarded_url, "--password-stdin", "--no-start", given=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    person.env["MY_PASSWORD"] = PASSWORD
    done = person.run("connect", "postgres", guarded_url, "--password-env", "MY_PASSWORD", "--no-start")
    assert done.returncode == 0, done.stderr
    assert "password_env: MY_PASSWORD" in next((person.data / "packs").glob("*.yaml")).read_text()
    assert os.stat(person.data / "credentials.json").st_mode & 0o077 == 0


def test_two_databases_in_one_platform_are_told_apart(tmp_path: Path, postgres_server: PostgresServer, postgres_url: str) -> None:
    person = Newcomer(tmp_path)
    other = postgres_server.create_database()
    try:
        for url in (postgres_url, other):
            done = person.run("connect", "postgres", url, "--platform", "shop", "--no-start")
            assert done.returncode == 0, done.stderr
    finally:
        postgres_server.drop_database(other)
    pack = load_pack(person.data / "packs" / "shop.yaml")
    first, second = pack.sources
    assert first.component != second.component
    halves = [{limit.id for limit in pack.limits if limit.component == source.component} for source in pack.sources]
    assert halves[0]
    assert len(halves[0]) == len(halves[1])


def test_a_server_of_another_kind_is_named(tmp_path: Path, postgres_url: str, start_redis: StartRedis, web_pages: Pages) -> None:
    person = Newcomer(tmp_path)
    at = urlsplit(postgres_url).netloc.rpartition("@")[2]
    cache = f"127.0.0.1:{start_redis().port}"
    web_pages.at = {"/": ("text/html", "<html>Welcome")}
    for words, named in (
        (("redis", at), f"connect postgres postgresql://{at}/DATABASE"),
        (("postgres", f"{cache}/shop", "--timeout", "2s"), f"connect redis redis://{cache}"),
        (("postgres", f"{urlsplit(web_pages.url).netloc}/shop", "--timeout", "2s"), f"connect probe {web_pages.url}"),
        (("prometheus", cache), f"connect redis redis://{cache}"),
    ):
        done = person.run("connect", *words, "--no-start")
        assert done.returncode == 1
        assert named in done.stderr, done.stderr
    assert not (person.data / "packs").exists()
