"""A place where rules are evaluated in a test: real stores in a folder, a clock that the test moves, findings that it sets. It can be left and
entered again, as a restarted server does."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.alert import Alert, Event
from alerts.book import Book
from jobs.alert import Evaluating
from jobs.schedule import Did
from roomleft.clock import FixedClock
from roomleft.findings import Looked
from roomleft.rules import Rule, Rules
from tests.alerts.made import EVERY, NOON
from warehouse.state import StateDb
from warehouse.store import Store


class Site:
    """`found` is what the next evaluations find of every rule, or by rule; an exception is raised. `told` are the alerts as the last was told."""

    def __init__(
        self, folder: Path, *rules: Rule, at: datetime = NOON, clock: FixedClock | None = None, state_url: str = ""
    ) -> None:
        self.folder, self.clock = folder, clock or FixedClock(at)
        self.rules: dict[str, Rule] = {each.rule_id: each for each in rules}
        self.found: Looked | Mapping[str, Looked] | Exception = Looked()
        self.history: dict[datetime, Looked | Mapping[str, Looked] | Exception] = {}
        self.told: list[tuple[datetime, Sequence[Alert]]] = []
        self.state_url = state_url or f"sqlite:///{folder / 'state.db'}"
        self.enter()

    def enter(self) -> None:
        """Open the stores and begin, as a new process."""
        self.store = Store.open(f"duckdb:///{self.folder / 'warehouse.duckdb'}", now=self.clock)
        self.state = StateDb.open(self.state_url, self.clock)
        self.book = Book(self.state)
        self.evaluating = self.made()

    def made(self, **more: Any) -> Evaluating:
        """What evaluates here."""
        given: dict[str, Any] = {"every": EVERY, "tell": self.tell} | more
        return Evaluating(self.store, self.state, self.rules, self.look, self.clock, **given)

    def leave(self) -> None:
        """Close the stores."""
        self.store.close()
        self.state.close()

    def restart(self) -> None:
        """Leave and enter again."""
        self.leave()
        self.enter()

    def look(
        self, rules: Rules, at: datetime, read_to: datetime, active: Collection[tuple[str, str]] = ()
    ) -> Mapping[str, Looked]:
        # Asked again of an instant, the data says the same.
        found = self.history.setdefault(at, self.found)
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Mapping) else dict.fromkeys(rules, found)

    def tell(self, alerts: Sequence[Alert], at: datetime) -> int:
        self.told.append((at, alerts))
        return 0

    def beat(self, found: Looked | Mapping[str, Looked] | Exception | None = None, after: timedelta = EVERY) -> Did:
        """One evaluation, `after` so long; of what was found before, unless something else is found now."""
        self.clock.advance(after)
        self.found = found if found is not None else self.found
        return self.evaluating.run(self.clock.now())

    def beats(self, found: Looked | Mapping[str, Looked] | Exception, span: timedelta) -> None:
        """Evaluations at every interval for so long."""
        for _ in range(span // EVERY):
            self.beat(found)

    @property
    def story(self) -> list[tuple[str, float]]:
        """What happened, and how many seconds after noon."""
        return [(str(event.what), (event.at - NOON).total_seconds()) for event in self.events()]

    def events(self) -> list[Event]:
        return self.book.events()

    def noted(self) -> list[dict[str, Any]]:
        """The evaluations, oldest first."""
        return self.store.select("SELECT * FROM evaluations ORDER BY evaluated_at").to_pylist()
