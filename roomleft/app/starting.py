"""What a shell is told of a server's start: how far its history is read, and when everything is there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from collectors.platform_api.progress import SourceProgress
from dashboards.readiness import Step
from roomleft.errors import RoomleftError

log = logging.getLogger(__name__)
LOOK_EVERY_S = 2.0
SAY_EVERY_S = 15.0
MANY_LOOKS = 150
"""After so many a start is no longer watched closely: a source may be down for days."""
BACK_FILL, ROLL_UP = "back-fill", "roll-up"
DOING = {ROLL_UP: "All history is read and is being added up", "first headroom": "Every limit is being measured"}


@dataclass(slots=True)
class Starting:
    """A thread that says how far a start is, until it is ready. `steps` are those of readiness, `streams` what is read and how far."""

    steps: Callable[[], Sequence[Step]]
    streams: Callable[[], Sequence[SourceProgress]]
    say: Callable[[str], None]
    monotonic: Callable[[], float] = time.monotonic
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self.run, name="roomleft-starting", daemon=True).start()

    def stop(self) -> None:
        """Say no more."""
        self._ended.set()

    def run(self) -> None:
        """Say how far it is, until it is ready or `stop` was called."""
        began = self.monotonic()
        said, said_at = "", began
        looks = 0
        while not self._ended.wait(LOOK_EVERY_S if looks < MANY_LOOKS else SAY_EVERY_S):
            looks += 1
            try:
                words = self.words()
            except RoomleftError as error:
                log.debug("how far the start is cannot be told: %s", error)
                continue
            took_s = self.monotonic() - began
            if words is None:
                if said:
                    self.say(f"Ready after {_seconds(took_s)}: all history is read, and every limit is measured.")
                return
            if not said or (words != said and self.monotonic() - said_at >= SAY_EVERY_S):
                self.say(f"{words} ({_seconds(took_s)}).")
                said, said_at = words, self.monotonic()

    def words(self) -> str | None:
        """What is being done, None once all is. Raises StoreError."""
        undone = next((step for step in self.steps() if not step.done), None)
        if undone is None:
            return None
        if undone.name != BACK_FILL:
            return DOING.get(undone.name, undone.name)
        streams = self.streams()
        platforms = len({each.platform for each in streams})
        share = sum(each.fraction for each in streams) / len(streams) if streams else 0.0
        return f"Reading the history of {platforms} platform{'' if platforms == 1 else 's'}: {int(100 * share)} %"


def _seconds(span_s: float) -> str:
    minutes, seconds = divmod(round(span_s), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
