"""A Slack incoming webhook: blocks within Slack's limits, every text escaped, a plain text for notifications."""

from __future__ import annotations

from typing import Any

import orjson

from alerts.channels.answer import Answer, Means
from alerts.channels.posting import post
from alerts.channels.words import count_of, facts_of, headline, line, links_of, shortened
from alerts.notice import Kind, Notice, NoticeAlert
from roomleft.alerting import SlackChannel

HEADER, SECTION, BUTTON, BUTTON_URL, FIELDS, FIELD = 150, 3000, 75, 3000, 10, 2000
"""Slack's limits in characters; of fields also how many."""
SHOWN = 10
"""Alerts that are spelled out: with what goes around them far below fifty blocks."""
SIGNS = {Kind.FIRING: ":red_circle:", Kind.RESOLVED: ":large_green_circle:", Kind.ACKNOWLEDGED: ":large_blue_circle:"}


def send(notice: Notice, channel: SlackChannel, means: Means) -> Answer:
    """POST the message to the webhook's address, which is the secret."""
    url = means.variables.need(channel.url_env)
    return post(
        url, orjson.dumps(message(notice)), {"Content-Type": "application/json"}, timeout_s=means.timeout_s, now=means.now
    )


def escaped(text: str) -> str:
    """Slack's three: what is written as mrkdwn and comes from elsewhere can neither mention anybody nor make a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, length: int) -> str:
    """`escaped`, at most `length` characters, no escape cut in two."""
    short = text
    while len(escaped(short)) > length:
        short = shortened(short, max(1, len(short) - max(1, (len(escaped(short)) - length) // 5)))
    return escaped(short)


def message(notice: Notice) -> dict[str, Any]:
    """The whole body."""
    title = headline(notice)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": shortened(title, HEADER), "emoji": True}}
    ]
    for alert in notice.alerts[:SHOWN]:
        blocks += _alert(alert, notice.zone)
    about = [
        f"{SIGNS.get(notice.kind, '')} {count_of(notice)}".strip(),
        f"sent because: {notice.why.value}" if notice.alerts else "",
    ]
    about += [f"and {notice.count - SHOWN} more"] if notice.count > SHOWN else []
    about += [f"changed shortly before: {line('; '.join(notice.changed))}"] if notice.changed else []
    about += ["a demo: the platform is a stand-in"] if notice.demo else []
    told = cut(" · ".join(words for words in about if words), SECTION)
    if told:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": told}]})
    return {"text": cut(title, SECTION), "blocks": blocks[:50]}


def _alert(alert: NoticeAlert, zone: str) -> list[dict[str, Any]]:
    words = cut(f"{alert.title}\n{alert.summary}" if alert.summary and alert.summary != alert.title else alert.title, SECTION)
    block: dict[str, Any] = {"type": "section", "text": {"type": "mrkdwn", "text": words or "-"}}
    fields = [{"type": "mrkdwn", "text": f"*{name}*\n{cut(text, FIELD - 50)}"} for name, text in facts_of(alert, zone)[:FIELDS]]
    if fields:
        block["fields"] = fields
    buttons = [
        {
            "type": "button",
            "text": {"type": "plain_text", "text": shortened(name, BUTTON)},
            "url": address,
            "action_id": f"link-{number}",
        }
        for number, (name, address) in enumerate(links_of(alert))
        if len(address) <= BUTTON_URL
    ]
    return [block, {"type": "actions", "elements": buttons}] if buttons else [block]
