"""The ledger of what was not told, and why: a line in `deliveries` whenever the reason changes, none while it stays the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, func, insert, select

from alerts.alert import Alert
from alerts.notice import Withheld
from warehouse.state.models_alerting import DeliveryRow

OUTCOME = "withheld"
AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Line:
    """One alert that a receiver ('' for everybody) was not told of. `words` name what held it: a silence, another alert."""

    alert: Alert
    reason: Withheld
    words: str = ""
    receiver: str = ""

    @property
    def key(self) -> str:
        """What `deliveries.notice_id` holds for it: the same for the same alert, episode and receiver."""
        text = "\x1f".join((self.receiver, *self.alert.key, self.alert.episode))
        return f"withheld-{sha256(text.encode()).hexdigest()[:24]}"


class WithheldBook:
    """Reads the newest reasons and notes new ones, in the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, lines: Iterable[Line]) -> dict[str, str]:
        """The newest reason noted for each of these, by key."""
        found: dict[str, str] = {}
        keys = sorted({line.key for line in lines})
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            last = select(func.max(DeliveryRow.id)).where(DeliveryRow.notice_id.in_(some)).group_by(DeliveryRow.notice_id)
            rows = self._connection.execute(select(DeliveryRow.notice_id, DeliveryRow.reason).where(DeliveryRow.id.in_(last)))
            found |= {row.notice_id: row.reason for row in rows}
        return found

    def note(self, lines: Sequence[Line], at: datetime) -> int:
        """Note those whose reason is another than before; how many. `at` is the wall's. Of several lines of a key the last counts."""
        newest, latest = self.newest(lines), {line.key: line for line in lines}
        new = [line for key, line in latest.items() if newest.get(key) != line.reason.value]
        if new:
            self._connection.execute(insert(DeliveryRow), [_row(line, at) for line in new])
        return len(new)


def _row(line: Line, at: datetime) -> dict[str, object]:
    return {
        "at": at, "notice_id": line.key, "receiver": line.receiver, "channel": "", "attempt": 0, "outcome": OUTCOME, "status": "",
        "answer": line.words[:500], "reason": line.reason.value, "took_ms": None, "rule_id": line.alert.rule_id,
        "fingerprint": line.alert.fingerprint, "episode": line.alert.episode,
    }  # fmt: skip
