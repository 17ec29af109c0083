"""What people decided in the app, laid over the packs in one place, so that measuring, pages, API and metrics all see the same limits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analytics.allocation import rules_of
from roomleft.clock import Now
from roomleft.errors import RoomleftError
from roomleft.limit_terms import KIND, Misfit, laid
from roomleft.mapping_rules import KIND as MAPPING
from roomleft.openslo_slos import with_questions
from roomleft.packs import Pack
from roomleft.packs_shelf import PacksInUse
from warehouse.state import StateDb
from warehouse.state.terms import Terms

log = logging.getLogger(__name__)


class Deciding:
    """Keeps the packs in use the same as the files and the decisions that stand. `refresh` after a decision, and before each measurement:
    it costs two small reads, and sees what has come into force since and what another server stored. What SLOs ask of Prometheus servers comes on top."""

    def __init__(self, packs: PacksInUse, state: StateDb, clock: Now, own_slos: Path | None = None) -> None:
        self.misfits: Sequence[Misfit] = ()
        self._packs, self._clock, self._own_slos = packs, clock, own_slos
        self._terms = Terms(state)
        self._lock = threading.Lock()
        self._seen: object = None
        packs.lay_over(self._laid)

    def refresh(self) -> None:
        """Lay again if anything has changed. A state database that is away leaves in force what was."""
        with self._lock:
            try:
                seen = self._in_force()
            except RoomleftError as error:
                log.warning("decisions could not be read again: %s", error)
                return
            if seen != self._seen:
                self._packs.lay_again()

    def _in_force(self) -> object:
        now = self._clock.now()
        edges = [
            (term.id, term.valid_from <= now, term.valid_to is not None and term.valid_to <= now)
            for kind in (KIND, MAPPING)
            for term in self._terms.standing(kind)
        ]
        return edges

    def _laid(self, packs: Mapping[str, Pack]) -> Mapping[str, Pack]:
        self._seen = self._in_force()
        found, misfits = laid(packs, self._terms.standing(KIND), self._clock.now(), self._rules())
        for misfit in misfits:
            if misfit not in self.misfits:
                log.warning("decision %s about %s does not fit: %s", misfit.term_id, misfit.limit_id, misfit.why)
        self.misfits = tuple(misfits)
        return with_questions(found, self._own_slos)

    def _rules(self) -> Sequence[Any]:
        try:
            return rules_of(self._terms)
        except RoomleftError as error:
            log.warning("mapping rules could not be read, budgets count without them: %s", error)
            return ()
