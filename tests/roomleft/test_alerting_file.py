"""alerting.yaml: what is taken, and every fault that is told of it; no secret is ever repeated."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from roomleft.alerting import Alerting
from roomleft.alerting_file import DEMO, load_alerting
from roomleft.errors import PackError
from roomleft.packs import PackFaults
from roomleft.packs_yaml import path_text

RECEIVERS = """\
receivers:
  - {name: on_call, channels: [{kind: pagerduty, routing_key_env: PAGERDUTY_KEY}]}
  - {name: team, channels: [{kind: outbox}]}
"""
SMTP = "smtp: {host: mail.example, user: roomleft, password_env: SMTP_PASSWORD, from: roomleft@example.com}\n"
GOOD = {
    "an empty one": "receivers: []\n",
    "a receiver and a route": RECEIVERS + "routes: [{receiver: team}]\n",
    "every channel": SMTP
    + """\
receivers:
  - name: all
    channels:
      - {kind: pagerduty, routing_key_env: PAGERDUTY_KEY}
      - {kind: email, to: [a@example.com]}
      - {kind: slack, url_env: SLACK_URL}
      - {kind: webhook, url: "https://hooks.example/x", secret_env: HOOK_SECRET}
      - {kind: alertmanager, url: "http://127.0.0.1:9093"}
      - {kind: apprise, url_env: NTFY_URL}
      - {kind: outbox}
""",
    "routes that go on": RECEIVERS
    + 'routes: [{receiver: team, continue: true}, {match: ["severity=critical", "platform=~a.*"], receiver: on_call}, {receiver: team}]\n',
    "an escalation": RECEIVERS + "routes: [{receiver: team, escalate: [{after: 15m, receiver: on_call}]}]\n",
    "an inhibition": 'inhibit: [{source: ["component=database"], target: ["component=api"], equal: [platform]}]\n',
    "a window": 'maintenance: [{name: n, match: ["platform=shop"], recurring: {since: "22:00", until: "06:00", zone: Europe/Berlin}}]\n',
    "mail in clear on this machine": "smtp: {host: 127.0.0.1, port: 2525, security: none, from: roomleft@example.com}\n",
    "a heartbeat": "heartbeat: {url_env: HEARTBEAT_URL, every: 2m}\n",
}
BAD = {
    "no map": ("- receivers\n", ["line 1 : alerting.yaml is a map of sections (begin with receivers:)"]),
    "a section": ("recievers: []\n", ["line 1 recievers: unknown key 'recievers' (did you mean 'receivers'?)"]),
    "a kind of channel": (
        "receivers: [{name: a, channels: [{kind: pagerdutty, routing_key_env: K}]}]\n",
        ["line 1 receivers[0].channels[0]: unknown kind 'pagerdutty' (did you mean 'pagerduty'?)"],
    ),
    "a receiver twice": (
        RECEIVERS + "  - {name: team, channels: [{kind: outbox}]}\n",
        ["line 4 receivers[2].name: receiver 'team' is taken (every one needs its own name)"],
    ),
    "an unknown receiver": (
        RECEIVERS + "routes:\n  - {receiver: taem}\n",
        ["line 5 routes[0].receiver: unknown receiver 'taem' (did you mean 'team'?)"],
    ),
    "an unknown receiver to escalate to": (
        RECEIVERS + "routes:\n  - {receiver: team, escalate: [{after: 5m, receiver: boss}]}\n",
        ["line 5 routes[0].escalate[0].receiver: unknown receiver 'boss' (receivers: on_call, team)"],
    ),
    "an escalation to oneself": (
        RECEIVERS + "routes:\n  - {receiver: team, escalate: [{after: 5m, receiver: team}]}\n",
        ["line 5 routes[0].escalate[0].receiver: 'team' was told already (name somebody else)"],
    ),
    "escalations out of order": (
        RECEIVERS + "routes:\n  - {receiver: team, escalate: [{after: 9m, receiver: on_call}, {after: 5m, receiver: on_call}]}\n",
        ["line 5 routes[0].escalate[1].after: this step is not later than the one before (put them in order)"],
    ),
    "an escalation where PagerDuty escalates": (
        RECEIVERS + "routes:\n  - {receiver: on_call, escalate: [{after: 5m, receiver: team}]}\n",
        ["line 5 routes[0].escalate: PagerDuty owns escalation on this route (leave escalate out, and set it up there)"],
    ),
    "a route that nothing reaches": (
        RECEIVERS + "routes:\n  - {receiver: team}\n  - {match: [severity=critical], receiver: on_call}\n",
        ["line 6 routes[1]: no alert gets here (the route on line 5 takes all: put it last, or continue: true)"],
    ),
    "a matcher": (
        RECEIVERS + "routes:\n  - {match: [severity], receiver: team}\n",
        [
            "line 5 routes[0].match[0]: 'severity' is not a name this place takes (it must match ^[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~).*$)"
        ],
    ),
    "a pattern": (
        RECEIVERS + 'routes:\n  - {match: ["platform=~("], receiver: team}\n',
        [
            "line 5 routes[0].match[0]: the pattern of platform is no regular expression: missing ): ( (RE2 syntax, as Alertmanager's)"
        ],
    ),
    "a severity": (
        RECEIVERS + "routes:\n  - {match: [severity=critcal], receiver: team}\n",
        ["line 5 routes[0].match[0]: no alert has the severity 'critcal' (did you mean 'critical'?)"],
    ),
    "matchers that exclude one another": (
        RECEIVERS + 'routes:\n  - {match: [platform=a, "platform!=a"], receiver: team}\n',
        ["line 5 routes[0].match: no alert matches all of these (look at platform)"],
    ),
    "a window over everything": (
        'maintenance: [{name: n, match: ["platform=~.*"], recurring: {since: "22:00", until: "06:00", zone: UTC}}]\n',
        ["line 1 maintenance[0].match: this window silences everything (name a platform or component)"],
    ),
    "a zone": (
        'maintenance: [{name: n, match: [platform=a], recurring: {since: "22:00", until: "06:00", zone: Europe/Berln}}]\n',
        ["line 1 maintenance[0].recurring.zone: unknown time zone 'Europe/Berln' (did you mean 'Europe/Berlin'?)"],
    ),
    "mail without a server": (
        "receivers: [{name: a, channels: [{kind: email, to: [a@example.com]}]}]\n",
        ["line 1 receivers[0].channels[0]: mail needs a server (add an smtp section)"],
    ),
    "mail in clear": (
        "smtp: {host: mail.example, security: none, from: a@example.com}\n",
        ["line 1 smtp.security: mail would leave this machine in clear (starttls, or tls on port 465)"],
    ),
    "a user without a password": (
        "smtp: {host: mail.example, user: a, from: a@example.com}\n",
        ["line 1 smtp.user: user without password_env (add password_env)"],
    ),
    "a webhook to nowhere": (
        "receivers: [{name: a, channels: [{kind: webhook}]}]\n",
        ["line 1 receivers[0].channels[0]: a webhook has one address (give url, or url_env)"],
    ),
    "two faults": (
        RECEIVERS + "routes:\n  - {receiver: taem, group_wiat: 5s}\nheartbeat: {}\n",
        [
            "line 5 routes[0].group_wiat: unknown key 'group_wiat' (did you mean 'group_wait'?)",
            "line 5 routes[0].receiver: unknown receiver 'taem' (did you mean 'team'?)",
            "line 6 heartbeat: a heartbeat has one address (give url, or url_env)",
        ],
    ),
}
SECRET = "c0ffee" * 5
SECRETS = {
    "a key under its own name": f"receivers: [{{name: a, channels: [{{kind: pagerduty, routing_key: {SECRET}}}]}}]\n",
    "a key for the name of a variable": f"receivers: [{{name: a, channels: [{{kind: pagerduty, routing_key_env: {SECRET}}}]}}]\n",
    "an address of Slack": f'receivers: [{{name: a, channels: [{{kind: slack, url: "https://hooks.example/{SECRET}"}}]}}]\n',
    "a password": f"smtp: {{host: mail.example, user: a, password: {SECRET}, from: a@example.com}}\n",
    "a password in an address": f'heartbeat: {{url: "https://a:{SECRET}@beat.example/"}}\n',
    "an address that is none": f'receivers: [{{name: a, channels: [{{kind: webhook, url: "ftp://{SECRET}"}}]}}]\n',
    "a token": f"receivers: [{{name: a, channels: [{{kind: alertmanager, url: 'http://127.0.0.1:9093', token: {SECRET}}}]}}]\n",
}


def loaded(folder: Path, text: str) -> Alerting:
    path = folder / "alerting.yaml"
    path.write_text(text, encoding="utf-8")
    return load_alerting(path)


def told(error: PackFaults) -> list[str]:
    return [
        f"line {one.line} {path_text(one.place)}: {one.what}" + (f" ({one.hint})" if one.hint else "") for one in error.problems
    ]


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_is_right_is_taken(tmp_path: Path, text: str) -> None:
    assert isinstance(loaded(tmp_path, text), Alerting)


@pytest.mark.parametrize(("text", "faults"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_refused_by_line(tmp_path: Path, text: str, faults: list[str]) -> None:
    with pytest.raises(PackFaults) as caught:
        loaded(tmp_path, text)
    assert told(caught.value) == faults


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_a_secret_in_the_file_is_refused_and_never_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(PackFaults) as caught:
        loaded(tmp_path, text)
    assert SECRET not in f"{caught.value} {caught.value.each()} {caught.value.problems!r}"


def test_there_are_at_least_as_many_bad_files_as_good_ones() -> None:
    assert len(BAD) >= len(GOOD)


def test_without_a_file_nobody_is_told(tmp_path: Path) -> None:
    assert load_alerting(tmp_path / "alerting.yaml") == Alerting()


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="cannot be read"):
        load_alerting(tmp_path)


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    (route,) = loaded(tmp_path, RECEIVERS + "routes: [{receiver: team, repeat_interval: 1h}]\n").routes
    assert (route.group_wait, route.group_interval) == (timedelta(seconds=10), timedelta(minutes=5))
    assert (route.repeat_interval, route.send_resolved, route.proceed) == (timedelta(hours=1), True, False)


def test_a_demo_tells_nobody_outside() -> None:
    assert {channel.kind for receiver in DEMO.receivers for channel in receiver.channels} == {"outbox"}
    named = {receiver.name for receiver in DEMO.receivers}
    assert {route.receiver for route in DEMO.routes} | {step.receiver for r in DEMO.routes for step in r.escalate} <= named
    assert DEMO.routes[-1].match == []
