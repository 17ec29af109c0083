"""Slack, the signed webhook and apprise, each over real HTTP."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from alerts.channels.answer import Outcome
from alerts.channels.sending import send
from alerts.channels.slack import FIELD, HEADER, SECTION, message
from alerts.notice import Kind, Notice
from alerts.notice_json import notice_of
from roomleft.alerting import AppriseChannel, OutboxChannel, SlackChannel, WebhookChannel
from tests.alerts.channels.told import ALERT, NOTICE, means, notice
from tests.fixtures.hook import Hook

SECRET = "whsec_0123456789"


def test_slack_gets_the_symptom_the_value_and_the_links(hook: Hook) -> None:
    answer = send(notice(), SlackChannel(kind="slack", url_env="SLACK"), means({"SLACK": f"{hook.url}/services/T0/B0/abcdefgh"}))
    assert (answer.outcome, answer.status, answer.answer) == (Outcome.DELIVERED, "200", "ok")
    body = json.loads(hook.requests[0].body)
    assert body["text"] == "FIRING · [critical] Shop: replicas fall behind"
    assert body["blocks"][0]["text"]["text"] == body["text"]
    assert "*Value*\n40 s against 5 s over 5 min" in [field["text"] for field in body["blocks"][1]["fields"]]
    assert [button["text"]["text"] for button in body["blocks"][2]["elements"]] == [
        "Open the alert", "Acknowledge", "Silence", "Runbook", "Dashboard",
    ]  # fmt: skip
    # A button that opens a page; none that does something by itself.
    assert all(button["url"].startswith("https://room.example.org/") for button in body["blocks"][2]["elements"])


@pytest.mark.parametrize("size", [1, 10, 5000])
def test_slack_messages_keep_within_its_limits_and_mention_nobody(size: int) -> None:
    evil = replace(ALERT, title="<!channel> & " * size, summary="<https://evil.example|ok>" * size, reason="&" * size)
    body = message(notice(title="<@U1> & " * size, alerts=(evil,) * 100, firing=100, count=100, changed=("<!here>" * size,)))
    assert len(body["blocks"]) <= 50
    assert len(body["text"]) <= SECTION
    assert len(body["blocks"][0]["text"]["text"]) <= HEADER
    for block in body["blocks"][1:]:
        texts = [block["text"]] if "text" in block else []
        for text in texts + [e for e in block.get("elements", []) if e["type"] == "mrkdwn"]:
            assert len(text["text"]) <= SECTION
            assert "<" not in text["text"]
        assert len(block.get("fields", [])) <= 10
        assert all(len(field["text"]) <= FIELD and "<" not in field["text"] for field in block.get("fields", []))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, Outcome.DELIVERED), (400, Outcome.REFUSED), (403, Outcome.REFUSED), (404, Outcome.REFUSED), (410, Outcome.REFUSED),
     (413, Outcome.REFUSED), (408, Outcome.RETRY), (425, Outcome.RETRY), (429, Outcome.RETRY), (500, Outcome.RETRY), (503, Outcome.RETRY)],
)  # fmt: skip
def test_the_other_ends_answer_decides(hook: Hook, status: int, outcome: Outcome) -> None:
    hook.status, hook.answer = status, "no_service"
    answer = send(notice(), SlackChannel(kind="slack", url_env="SLACK"), means({"SLACK": hook.url}))
    assert (answer.outcome, answer.status, answer.answer) == (outcome, str(status), "no_service")


def test_a_redirect_is_not_followed(hook: Hook) -> None:
    hook.status, hook.location = 307, f"{hook.url}/elsewhere"
    answer = send(notice(), WebhookChannel(kind="webhook", url=hook.url), means())
    assert answer.outcome is Outcome.REFUSED
    assert len(hook.requests) == 1


def test_a_webhook_can_be_checked_and_told_from_a_repeat(hook: Hook) -> None:
    channel = WebhookChannel(kind="webhook", url=f"{hook.url}/in", secret_env="HOOK_SECRET")
    for _ in range(2):
        assert send(notice(), channel, means({"HOOK_SECRET": SECRET})).outcome is Outcome.DELIVERED
    first, second = hook.requests
    # As docs/alerting.md tells a receiver to do it.
    given = dict(part.split("=", 1) for part in first.headers["roomleft-signature"].split(","))
    wanted = hmac.new(SECRET.encode(), f"{given['t']}.".encode() + first.body, sha256).hexdigest()
    assert hmac.compare_digest(given["v1"], wanted)
    assert given["t"] == "1795176000"
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == "n1.pagerduty"
    assert first.headers["roomleft-event"] == "firing"
    document = json.loads(first.body)
    assert document.pop("version") == 1
    assert notice_of(json.dumps(document)) == NOTICE


def test_a_webhook_without_a_secret_is_not_signed(hook: Hook) -> None:
    send(notice(), WebhookChannel(kind="webhook", url_env="HOOK"), means({"HOOK": hook.url}))
    assert "roomleft-signature" not in hook.requests[0].headers


@pytest.mark.parametrize("url", ["http://[::1", "http://exa mple/", "http://127.0.0.1:99999/", "ftp://x.example"])
def test_an_address_that_is_none_is_refused_or_unreachable_not_a_crash(url: str) -> None:
    answer = send(notice(), WebhookChannel(kind="webhook", url_env="HOOK"), means({"HOOK": url}))
    assert answer.outcome in (Outcome.REFUSED, Outcome.RETRY)


def test_apprise_delivers_to_what_it_knows(hook: Hook) -> None:
    channel = AppriseChannel(kind="apprise", url_env="APPRISE")
    answer = send(notice(), channel, means({"APPRISE": hook.url.replace("http:", "json:") + "/in"}))
    assert answer.outcome is Outcome.DELIVERED
    body = json.loads(hook.requests[0].body)
    assert body["title"] == "FIRING · [critical] Shop: replicas fall behind"
    assert "40 s against 5 s" in body["message"]
    assert body["type"] == "failure"


@pytest.mark.parametrize(
    ("url", "status", "outcome"),
    [("json://{}/in", 500, Outcome.RETRY), ("nonsense://{}", 200, Outcome.REFUSED), ("", 200, Outcome.REFUSED)],
)
def test_what_apprise_cannot_deliver(hook: Hook, url: str, status: int, outcome: Outcome) -> None:
    hook.status = status
    address = url.format(hook.url.removeprefix("http://"))
    answer = send(notice(), AppriseChannel(kind="apprise", url_env="APPRISE"), means({"APPRISE": address}))
    assert answer.outcome is outcome
    assert answer.reason


@pytest.mark.parametrize("kind", list(Kind))
def test_the_outbox_takes_everything(kind: Kind) -> None:
    assert send(notice(kind), OutboxChannel(kind="outbox"), means()).outcome is Outcome.DELIVERED


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    "channel",
    [SlackChannel(kind="slack", url_env="URL"), WebhookChannel(kind="webhook", url_env="URL"), AppriseChannel(kind="apprise", url_env="JSON")],
    ids=lambda channel: channel.kind,
)  # fmt: skip
def test_each_kind_of_notice_can_be_told(hook: Hook, channel: Any, kind: Kind) -> None:
    env = {"URL": hook.url, "JSON": hook.url.replace("http:", "json:")}
    bare: Notice = notice(
        kind, alerts=(), firing=0, resolved=0, count=0, group_labels={}, platform="", platform_title="", severity=""
    )
    for made in (notice(kind), bare):
        assert send(made, channel, means(env)).outcome is Outcome.DELIVERED
    assert len(hook.requests) == 2
