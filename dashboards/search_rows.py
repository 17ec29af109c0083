"""What the search finds: the things that packs, rules and data name, in one list that is made now and then and asked often."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from dashboards import glossary
from dashboards.alert_lines import alert_lines
from dashboards.cost_books import books_of
from dashboards.parts import Parts
from roomleft.limits import Kind
from warehouse.state.archive import Archive

log = logging.getLogger(__name__)
KEPT_S = 20.0
MOST_FOUND = 40
MOST_OF_A_GROUP = 8
LONGEST = 100
MOST_NAMES = 2_000
MOST_REPORTS = 50
NAMED_WITHIN = timedelta(days=30)
OF_USERS = frozenset({"user", "user_id", "user_key"})
"""Labels that say whom an alert is about: the list is the same for everybody, so they are left out."""
GROUPS = ("Alerts", "Limits", "Budgets", "SLOs", "Platforms", "Components", "Models", "Reports", "Glossary")
"""In the order in which equally good finds are listed."""
RANKED = ("exhausted", "tight", "unknown", "ok")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something with an address. `also` are other words it is found by, `note` stands beside it, `rank` orders equals: lower is first."""

    group: str
    name: str
    href: str
    note: str = ""
    also: str = ""
    rank: int = 0
    folded: str = field(init=False)
    rest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folded", self.name.casefold())
        object.__setattr__(self, "rest", f"{self.also} {self.note}".casefold())


class Index:
    """The list for the running parts, at most `keep_s` old; while a new one is made, whoever asks gets the old one."""

    def __init__(self, parts: Parts, keep_s: float = KEPT_S, timer: Callable[[], float] = time.monotonic) -> None:
        self._parts, self._keep_s, self._timer = parts, keep_s, timer
        self._lock = threading.Lock()
        self._made = threading.Event()
        self._made_at = float("-inf")
        self._entries: Sequence[Entry] = ()

    def entries(self) -> Sequence[Entry]:
        """Everything there is to find. Only the very first who asks waits for it. Raises StoreError when it was never made and cannot be."""
        if not self._made.is_set():
            self._make()
        else:
            self.warm()
        return self._entries

    def warm(self) -> None:
        """Has the list made anew in a thread of its own if it is too old; whoever asks meanwhile gets the old one."""
        if self._timer() - self._made_at >= self._keep_s and not self._lock.locked():
            threading.Thread(target=self._make_quietly, name="search-index", daemon=True).start()

    def _make_quietly(self) -> None:
        try:
            self._make()
        except Exception:
            log.warning("the list for the search could not be made", exc_info=True)

    def _make(self) -> None:
        with self._lock:
            if self._timer() - self._made_at >= self._keep_s:
                self._entries = made(self._parts)
                self._made_at = self._timer()
                self._made.set()


def made(parts: Parts) -> list[Entry]:
    """Every entry, from what is in force and stored now. Raises StoreError."""
    now = parts.clock.now()
    newest = {row["limit_id"]: str(row["state"]) for row in parts.store.rows("headroom_now")}
    found: list[Entry] = []
    for line in alert_lines(parts, now):
        rank = 0 if line.fires else 1 if line.is_unknown else 2
        about = "" if OF_USERS & line.alert.labels.keys() else line.subject
        note = " · ".join(part for part in (line.group, line.alert.severity, line.alert.platform, about) if part)
        found.append(Entry("Alerts", line.title, line.path, note, line.alert.rule_id, rank))
    for slug, pack in parts.packs.items():
        found.append(Entry("Platforms", pack.title, f"/platforms/{slug}", slug, "health live limits deploys"))
        for limit in pack.limit_list():
            state = newest.get(limit.limit_id, "unknown")
            money = limit.kind in (Kind.BUDGET, Kind.QUOTA)
            href = f"/budgets?budget={quote(limit.limit_id)}" if money else f"/?limit={quote(limit.limit_id)}"
            note, also = f"{slug} · {state}", f"{limit.limit_id} {limit.owner} {limit.kind}"
            found.append(
                Entry(
                    "Budgets" if money else "Limits", limit.title, href, note, also, RANKED.index(state) if state in RANKED else 9
                )
            )
        for part in pack.components:
            found.append(Entry("Components", part.title, f"/platforms/{slug}?component={quote(part.id)}", slug, part.id))
    for slo in parts.slos().values():
        found.append(Entry("SLOs", slo.title, f"/slos?slo={quote(slo.slo_id)}", slo.platform, f"{slo.slo_id} {slo.category}"))
    for row in Archive(parts.state).newest(MOST_REPORTS) if parts.state is not None else ():
        found.append(
            Entry(
                "Reports",
                str(row["subject"]),
                f"/reports?report={quote(row['report_key'])}",
                str(row["platform"] or "all platforms"),
            )
        )
    for name in ("model", "provider"):
        for value in books_of(parts).values(now - NAMED_WITHIN, now, []).get(name, [])[:MOST_NAMES]:
            found.append(Entry("Models", value, f"/cost?range=30d&by={name}&{name}={quote(value, safe='')}", name, "cost usage"))
    found += [
        Entry("Glossary", each.name, f"{glossary.PAGE}#term-{each.anchor}", each.means, " ".join(each.also))
        for each in glossary.TERMS
    ]
    return found


def search(entries: Sequence[Entry], asked: str) -> list[Entry]:
    """The best finds for the words asked, at most MOST_OF_A_GROUP of a group and MOST_FOUND in all; without words, what fires.

    Every word must be found in an entry. A word at the start counts more than inside, in the name more than beside it; of words of four
    letters and more, one letter may be wrong, missing, added or swapped.
    """
    words = asked[:LONGEST].casefold().split()
    if not words:
        return [each for each in entries if each.group == "Alerts" and each.rank == 0][:MOST_OF_A_GROUP]
    scored = []
    for number, each in enumerate(entries):
        score = _score(each, words, loosely=False)
        if score:
            scored.append((-score, each.rank, GROUPS.index(each.group), number, each))
    if len(scored) < 3:
        had = {found[3] for found in scored}
        for number, each in enumerate(entries):
            if number not in had and (score := _score(each, words, loosely=True)):
                scored.append((-score, each.rank, GROUPS.index(each.group), number, each))
    taken: dict[str, int] = {}
    best = []
    for *_, each in sorted(scored, key=lambda found: found[:4]):
        taken[each.group] = taken.get(each.group, 0) + 1
        if taken[each.group] <= MOST_OF_A_GROUP:
            best.append(each)
        if len(best) == MOST_FOUND:
            break
    return best


def _score(each: Entry, words: Sequence[str], *, loosely: bool) -> int:
    total = 0
    for word in words:
        if each.folded.startswith(word):
            total += 8
        elif f" {word}" in each.folded:
            total += 6
        elif word in each.folded:
            total += 4
        elif word in each.rest:
            total += 2
        elif loosely and len(word) >= 4 and any(near(word, other) for other in each.folded.split()):
            total += 1
        else:
            return 0
    return total + (2 if each.folded == " ".join(words) else 0)


def near(word: str, other: str) -> bool:
    """Whether `other`, or its beginning as long as `word`, is `word` but for one letter wrong, missing, added, or two swapped."""
    return any(
        _one_apart(word, other[:length])
        for length in {len(word) - 1, len(word), len(word) + 1, len(other)}
        if length <= len(other)
    )


def _one_apart(one: str, two: str) -> bool:
    if abs(len(one) - len(two)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    if len(one) == len(two):
        swapped = (
            one[start + 1 : start + 2] + one[start : start + 1] == two[start : start + 2] and one[start + 2 :] == two[start + 2 :]
        )
        return swapped or one[start + 1 :] == two[start + 1 :]
    longer, shorter = (one, two) if len(one) > len(two) else (two, one)
    return longer[start + 1 :] == shorter[start:]


def as_answer(each: Entry) -> Mapping[str, Any]:
    """An entry as the API tells it."""
    return {"group": each.group, "name": each.name, "href": each.href, "note": each.note}
