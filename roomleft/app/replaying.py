"""Replay, wired: rules in force or brought along, over what a server or a command has open; and its route, which tells how far it is."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from alerts.alert import Alert
from alerts.book import Book
from alerts.replay import Stretch
from alerts.standing import standing_at
from analytics.conditions_view import View
from analytics.history import Notes, stretches
from jobs.replay import DEFAULT_STEP, Progress, Replayed, run_replay
from roomleft.app.ruling import Ruling, columns_of
from roomleft.errors import InputError, RoomleftError
from roomleft.packs import Pack
from roomleft.rule_files import load_rules
from roomleft.rules import Rules
from roomleft.timespan import parse_instant, parse_span
from warehouse.state import StateDb
from warehouse.store import Store

MOST_FILES, MOST_CHARACTERS = 200, 2_000_000
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
SAID_EVERY_S = 0.5


class ReplayBody(BaseModel):
    """What to replay. `files`: a rule file to compare with what is in force, and the query files beside it, by name."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    since: str = Field(description="RFC 3339")
    until: str = Field(description="RFC 3339, not included")
    step: str = Field("5m", description="of history that nobody evaluated live")
    platform: str | None = None
    files: dict[str, str] = Field(default_factory=dict, max_length=MOST_FILES)


@dataclass(frozen=True)
class Replaying:
    """Everything a replay needs. `every` and `slack` are those of the live evaluations; `now` the platforms' clock."""

    store: Store
    state: StateDb
    packs: Mapping[str, Pack]
    ruling: Ruling
    now: Callable[[], datetime]
    every: timedelta
    slack: timedelta = timedelta(0)
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def run(self, body: ReplayBody, progress: Progress = lambda done, words: None) -> dict[str, Any]:
        """The replay, as the API tells it. Raises InputError for a span, step, platform or file that makes no sense, StoreError."""
        notes: Notes = {}
        now, step = self.now(), parse_span(body.step) if body.step else DEFAULT_STEP
        since, until = parse_instant(body.since), parse_instant(body.until)
        with self._brought(body.files) as changed:
            if body.platform is not None and not any(rule.platform == body.platform for rule in self.ruling.rules.values()):
                raise InputError(
                    f"no rules of a platform {body.platform!r} are in force", "platform", "`bin/roomleft status` names them"
                )
            chosen = {
                key: rule
                for key, rule in self.ruling.rules.items()
                if (body.platform is None or rule.platform == body.platform)
                and (not changed or rule.platform in changed_of(changed))
            }
            if not self._busy.acquire(blocking=False):
                raise InputError("another replay is under way", "replay", "wait until it is over")
            try:
                done = run_replay(
                    self.store, chosen, partial(self._stretches, notes), since, until, now, step=step, every=self.every, slack=self.slack,
                    changed=changed or None, seed=self._stood, progress=progress,
                )  # fmt: skip
            finally:
                self._busy.release()
        return told(done, notes)

    def _stretches(self, notes: Notes, rules: Rules, instants: Sequence[tuple[datetime, datetime]]) -> Iterable[Stretch]:
        view = View(self.store, self.packs, instants[-1][1], slos=self.ruling.slos, slack=self.slack)
        return stretches(view, rules, instants, notes)

    def _stood(self, at: datetime) -> list[Alert]:
        return standing_at(Book(self.state).events(until=at), at, self.ruling.rules)

    @contextmanager
    def _brought(self, files: Mapping[str, str]) -> Iterator[Rules]:
        """The rules of the files, read as from a folder. The first `.yaml` is the rule file."""
        if not files:
            yield {}
            return
        wrong = [name for name in files if not FILE_NAME.fullmatch(name)]
        named = [name for name in files if name.endswith(".yaml")]
        if wrong or len(named) != 1:
            raise InputError(
                "one rule file (.yaml) and query files (.sql) can be brought along", "files", "file names without folders"
            )
        if sum(map(len, files.values())) > MOST_CHARACTERS:
            raise InputError("these files are too long", "files", f"at most {MOST_CHARACTERS:,} characters together")
        with TemporaryDirectory(prefix="roomleft-replay-") as folder:
            for name, text in files.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            path = Path(folder) / named[0]
            rules = load_rules(path, None, self.packs, slos=self.ruling.slos, columns=columns_of(self.store))
            yield {rule.rule_id: rule for rule in rules}


def changed_of(rules: Rules) -> set[str]:
    """The platforms that rules are about."""
    return {rule.platform for rule in rules.values()}


def told(done: Replayed, notes: Notes) -> dict[str, Any]:
    """A replay as the API and `--json` tell it: one object a rule, `changed` in it where there is another of its name."""
    rules = []
    seen = set()
    for verdict in done.verdicts:
        other = done.changed.get(verdict.rule)
        seen.add(verdict.rule)
        one = asdict(verdict) | {"notes": list(dict.fromkeys(notes.get(verdict.rule, [])))}
        rules.append(one | ({"changed": asdict(other)} if other is not None else {}))
    rules += [
        {"rule": verdict.rule, "new": True, "changed": asdict(verdict)}
        for verdict in done.changed.values()
        if verdict.rule not in seen
    ]
    return {
        "from": done.since.isoformat(),
        "to": done.until.isoformat(),
        "evaluations": done.evaluations,
        "live": done.live,
        "read": done.words,
        "incidents": [asdict(each) for each in done.incidents],
        "took_s": round(done.took_s, 2),
        "rules": rules,
    }


def make_replay_api(replaying: Callable[[], Replaying]) -> APIRouter:
    """The route of `alerts replay`. It answers lines of JSON: how far it is, then the result or an error."""
    router = APIRouter()

    @router.post("/api/v1/alerts/replay", summary="What rules would have done over history (admin)", tags=["alerts"])
    def replay(body: ReplayBody) -> StreamingResponse:
        said: SimpleQueue[dict[str, Any]] = SimpleQueue()

        def work() -> None:
            try:
                said.put(
                    {"result": replaying().run(body, lambda done, words: said.put({"done": round(done, 3), "words": words}))}
                )
            except RoomleftError as error:
                said.put({"error": {"what": error.what, "where": error.where, "hint": error.hint}})
            except Exception as error:
                said.put(
                    {"error": {"what": f"{type(error).__name__}: {error}", "where": "replay", "hint": "see the server's log"}}
                )
                raise

        threading.Thread(target=work, name="roomleft-replay", daemon=True).start()

        def lines() -> Iterator[bytes]:
            while True:
                try:
                    newest = said.get(timeout=SAID_EVERY_S)
                    while "done" in newest and not said.empty():
                        newest = said.get()
                except Empty:
                    yield b"{}\n"
                    continue
                yield orjson.dumps(newest) + b"\n"
                if "done" not in newest:
                    return

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    return router
