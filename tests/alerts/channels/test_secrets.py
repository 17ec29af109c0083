"""No secret is in an answer, an error, a log or anything that is stored, whatever the other end says."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter
from sqlalchemy import text

from alerts.channels.sending import send
from alerts.channels.variables import Variables
from alerts.outbox import Outbox, enqueue
from jobs.deliver import Deliverer
from roomleft.alerting import Alerting, Channel
from roomleft.clock import FixedClock
from tests.alerts.channels.told import means, notice
from tests.fixtures.hook import Hook
from warehouse.state import StateDb

TOKEN = "tk-0123456789abcdefgh"
ROUTING_KEY = "0123456789abcdefghijklmnopqrstuv"
PATH = "T0AAAAAAA/B0BBBBBBB/abcdEFGHijklMNOP"
PASSWORD = "pass/word+with=odd&signs"
CHANNELS: list[dict[str, Any]] = [
    {"kind": "pagerduty", "routing_key_env": "PD_KEY", "url": "{url}"},
    {"kind": "slack", "url_env": "SLACK_URL"},
    {"kind": "webhook", "url_env": "HOOK_URL", "secret_env": "HOOK_SECRET"},
    {"kind": "alertmanager", "url": "{url}", "token_env": "AM_TOKEN"},
    {"kind": "apprise", "url_env": "APPRISE_URL"},
]
SECRETS = (
    TOKEN,
    ROUTING_KEY,
    PATH,
    "abcdEFGHijklMNOP",
    PASSWORD,
    quote(PASSWORD, safe=""),
    base64.b64encode(TOKEN.encode()).decode(),
)


def environment(url: str) -> dict[str, str]:
    return {
        "PD_KEY": ROUTING_KEY,
        "SLACK_URL": f"{url}/services/{PATH}",
        "HOOK_URL": f"{url}/in?token={TOKEN}",
        "HOOK_SECRET": PASSWORD,
        "AM_TOKEN": TOKEN,
        "APPRISE_URL": f"{url.replace('http:', 'json:')}/{PATH}?+x-token={TOKEN}",
    }


def channel_of(given: Mapping[str, str], url: str) -> Channel:
    channel: Channel = TypeAdapter(Channel).validate_python({name: value.replace("{url}", url) for name, value in given.items()})
    return channel


def clean(words: str) -> None:
    assert [secret for secret in SECRETS if secret.lower() in words.lower()] == []


@pytest.mark.parametrize("given", CHANNELS, ids=lambda given: given["kind"])
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_what_the_other_end_quotes_is_struck_out(
    hook: Hook, caplog: pytest.LogCaptureFixture, given: dict[str, str], status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    hook.status, hook.answer = status, "you sent {path} {headers} {body}"
    answer = send(notice(), channel_of(given, hook.url), means(environment(hook.url)))
    assert hook.requests, "it was asked"
    clean(repr(answer))
    clean(
        "".join(record.getMessage() for record in caplog.records if not record.name.startswith(("urllib3", "httpcore", "httpx")))
    )


@pytest.mark.parametrize("given", CHANNELS, ids=lambda given: given["kind"])
def test_what_cannot_be_reached_does_not_tell_either(caplog: pytest.LogCaptureFixture, given: dict[str, str]) -> None:
    caplog.set_level(logging.DEBUG)
    answer = send(notice(), channel_of(given, "http://127.0.0.1:1"), means(environment("http://127.0.0.1:1")))
    clean(repr(answer))
    clean(
        "".join(record.getMessage() for record in caplog.records if not record.name.startswith(("urllib3", "httpcore", "httpx")))
    )


def test_nothing_that_is_stored_holds_a_secret(
    hook: Hook, db: StateDb, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    alerting = Alerting.model_validate(
        {"receivers": [{"name": "oncall", "channels": [channel_of(given, hook.url).model_dump() for given in CHANNELS]}]}
    )
    hook.answer = "you sent {path} {headers} {body}"
    deliverer = Deliverer(db, lambda: alerting, environment(hook.url).get, clock)
    for number, status in enumerate((200, 400, 500)):
        hook.status = status
        with db.write() as connection:
            made = notice(notice_id=f"n{number}", thread=f"t{number}")
            enqueue(connection, made, alerting.receivers[0], "g", clock.now())
        deliverer.pump()
        assert deliverer.idle()
    deliverer.stop()
    with db.read() as connection:
        stored = [repr(row) for table in ("outbox", "deliveries") for row in connection.execute(text(f"SELECT * FROM {table}"))]
    assert len(stored) == 30, "each notice and each attempt"
    clean("".join(stored))
    clean(caplog.text)
    assert Outbox(db).standing(clock.now())[0] == 6, "the five of 500, and one by apprise, which does not say why"


def test_a_variable_that_says_nothing_is_named_and_nothing_else() -> None:
    answer = send(notice(), channel_of(CHANNELS[1], ""), means({"SLACK_URL": "  "}))
    assert answer.reason == "the variable SLACK_URL is not set"
    assert "Variables()" in repr(Variables({"A": "B"}.get))


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (TOKEN, f"Bearer {TOKEN}!"),
        (PASSWORD, f"p={quote(PASSWORD, safe='')}"),
        (f"https://hooks.example/services/{PATH}", f"no such path /services/{PATH}"),
        ("https://u:hunter2hunter2@x.example/", "user u, password hunter2hunter2"),
        ("slack://TokenAAAAAA/TokenBBBBBB/TokenCCCCCC", "tokenaaaaaa was refused"),
        (TOKEN, base64.b64encode(TOKEN.encode()).decode()),
    ],
)
def test_every_form_of_it_is_struck_out(secret: str, said: str) -> None:
    variables = Variables({"SECRET": secret}.get)
    assert variables.strike(said) == said
    variables.need("SECRET")
    assert "***" in variables.strike(said)
