"""`alerts test RECEIVER`: a test through each of a receiver's channels, and what the other ends answered."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

import typer

from roomleft.cli.output import print_json, print_table
from roomleft.clock import Clock
from roomleft.errors import InputError

NAMES = ("channel", "outcome", "status", "answer", "reason", "took_ms")


def alerts_test(
    receiver: Annotated[str, typer.Argument(help="The receiver's name in alerting.yaml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Send a test through each channel of a receiver and print the answers. Exit 1 if one did not take it."""
    raise typer.Exit(run_alerts_test(receiver, as_json))


def run_alerts_test(receiver: str, as_json: bool) -> int:
    """Send it with this shell's variables; 1 if a channel did not take it. Each attempt stands in the ledger, if there is one."""
    from alerts.outbox import note_trial
    from alerts.routes import channel_names
    from alerts.trial import trial_notice
    from jobs.deliver import Deliverer
    from roomleft.alerting_file import DEMO
    from roomleft.cli.ask import located
    from roomleft.cli.doctor import alerting_of
    from roomleft.credentials import Credentials
    from roomleft.packs_yaml import nearest
    from warehouse.state import StateDb

    settings, _ = located()
    alerting = alerting_of(settings)
    names = {each.name: each for each in alerting.receivers}
    if receiver not in names:
        where = str(settings.alerting_file)
        hint = nearest(receiver, names, "receivers")
        if alerting is DEMO:
            hint += "; a demo has only its own receivers and reads no alerting.yaml: test yours with `serve`"
        raise InputError(f"there is no receiver {receiver[:100]!r}", where, hint)
    wall = Clock()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    state = StateDb.open(settings.state_url, wall)
    rows = []
    try:
        deliverer = Deliverer(state, lambda: alerting, Credentials(settings.data_dir).get, wall)
        made = trial_notice(receiver, wall.now())
        for name, channel in channel_names(names[receiver]):
            notice = replace(made, notice_id=f"{made.notice_id}.{name}")
            began = time.monotonic()
            answer = deliverer.say(notice, channel, alerting)
            took_ms = round(1000 * (time.monotonic() - began))
            note_trial(state, notice, name, answer, wall.now(), took_ms)
            rows.append((name, answer.outcome.value, answer.status, answer.answer, answer.reason, took_ms))
        deliverer.stop()
    finally:
        state.close()
    if as_json:
        print_json([dict(zip(NAMES, row, strict=True)) for row in rows])
    else:
        print_table(NAMES, rows, right=("took_ms",))
    return int(any(row[1] != "delivered" for row in rows))
