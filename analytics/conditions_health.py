"""Conditions over health checks, and over whether sources are read at all."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from analytics.conditions_answers import STATUSES, Answers
from analytics.conditions_board import ABSENT, HOLDS, NOT, UNTOLD, Board, Labels, Told, untold
from analytics.conditions_sources import Reasons, Sources
from analytics.conditions_tape import NEVER, instant_of, span_us
from analytics.conditions_view import REMEMBERED, Scene
from analytics.health import silent_after
from analytics.wording import span_text
from roomleft.findings import Unknown
from roomleft.rules import Rule
from roomleft.rules_when import HealthIs, SourceIs
from warehouse.rows import as_rows


def health_board(leaf: HealthIs, rule: Rule, answers: Answers, scene: Scene, offset_us: int) -> Board:
    """What a condition over a component's checks says at each instant."""
    instants = scene.instants.before(offset_us)
    n = len(instants)
    found = [
        (check, place)
        for (platform, component, check), place in answers.checks.items()
        if platform == rule.platform and component == leaf.health and leaf.check in (None, check)
    ]
    what = f"check '{leaf.check}' of {leaf.health}" if leaf.check else f"health check of {leaf.health}"
    if not found:
        return untold(Unknown.NO_DATA, f"no {what} has answered in the last day", n)
    pack = scene.view.packs.get(rule.platform)
    silent = span_us(silent_after(pack) if pack is not None else timedelta(minutes=3)) + scene.slack_us
    newest = answers.newest[[place for _, place in found]]
    observed = np.append(answers.observed, NEVER)[newest]
    status = answers.status[newest]
    wanted = np.isin(status, [STATUSES.index(word) for word in leaf.status])
    unknown = (status == STATUSES.index("unknown")) & ("unknown" not in leaf.status)
    stands = silent if answers.lasts is None else np.maximum(silent, np.append(answers.lasts, 0)[newest])
    old = observed <= instants.at - stands
    holds = np.where(old | unknown, UNTOLD, np.where(wanted, HOLDS, NOT)).astype(np.int8)
    holds[observed <= instants.at - span_us(REMEMBERED) - scene.slack_us] = ABSENT
    labels: list[Labels] = [{"check": check} if leaf.check is None else {} for check, _ in found]

    def tell(g: int, i: int) -> Told:
        at, seen = int(instants.at[i]), instant_of(int(observed[g, i]))
        check = found[g][0]
        facts = {"check": check, "component": leaf.health, "status": STATUSES[status[g, i]], "subject": check}
        if old[g, i]:
            words = f"{check} has not answered for {span_text(instant_of(at) - seen)}"
            return Told(words, observed_at=seen, facts=facts, unknown=Unknown.STALE)
        said = _words(scene, rule.platform, leaf.health, check, int(observed[g, i]))
        said = said or check.replace("_", " ")
        if unknown[g, i]:
            return Told(f"nobody could look: {said}", observed_at=seen, facts=facts, unknown=Unknown.OFFLINE)
        return Told(f"{check} {_verb(status[g, i])}: {said}", observed_at=seen, facts=facts)

    return Board(
        labels, holds, holds.copy(), tell, lambda i: Told(f"no {what} has answered in the last day", unknown=Unknown.NO_DATA)
    )


def _verb(status: int) -> str:
    return ("passes", "warns", "fails", "could not be made")[status]


def _words(scene: Scene, platform: str, component: str, check: str, at_us: int) -> str:
    rows = as_rows(
        scene.query("alert_health_words", platform=platform, component=component, check_name=check, at=instant_of(at_us))
    )
    return str(rows[0]["words"] or "") if rows else ""


def source_board(leaf: SourceIs, rule: Rule, sources: Sources, reasons: Reasons) -> Board:
    """Whether sources have not been read for a while, at each instant."""
    instants = sources.instants
    n = len(instants)
    names = list(dict.fromkeys(stream.source for stream in sources.streams if stream.platform == rule.platform))
    if leaf.source != "*":
        names = [name for name in names if leaf.source in (name, name.removeprefix(f"{rule.platform}."))]
    if not names:
        words = (
            f"no source of {rule.platform} was ever read" if leaf.source == "*" else f"the source '{leaf.source}' was never read"
        )
        return untold(Unknown.NO_DATA, words, n)
    read_at = np.stack([sources.read_at(name) for name in names])
    silent = span_us(leaf.silent_for) + sources.scene.slack_us
    holds = np.where(instants.at - read_at > silent, HOLDS, NOT).astype(np.int8)
    holds[~np.stack([sources.was_tried(name) for name in names])] = ABSENT
    lost = np.stack([sources.nobody_looked(name) for name in names])
    holds[(holds == HOLDS) & lost] = UNTOLD
    labels: list[Labels] = [{"source": name} if leaf.source == "*" else {} for name in names]

    def tell(g: int, i: int) -> Told:
        at, name = int(instants.at[i]), names[g]
        seen = int(read_at[g, i])
        facts = {"source": name, "subject": name}
        why = reasons.of(rule.platform, name, at, int(instants.read_to[i]))
        ago = f"for {span_text(instant_of(at) - instant_of(seen))}" if seen > NEVER else "in the last days"
        value = (at - seen) / 1e6 if seen > NEVER else None
        observed = instant_of(seen) if seen > NEVER else None
        line = leaf.silent_for.total_seconds()
        if holds[g, i] == UNTOLD:
            words = why[1] if why else "nobody could look"
            return Told(f"{name}: {words}", value, line, "seconds", observed, facts, Unknown.OFFLINE)
        words = f"{name} has not been read {ago}" if holds[g, i] == HOLDS else f"{name} was read {ago.removeprefix('for ')} ago"
        return Told(f"{words}; {why[1]}" if why and holds[g, i] == HOLDS else words, value, line, "seconds", observed, facts)

    return Board(
        labels, holds, holds.copy(), tell, lambda i: Told("no source was tried in the last days", unknown=Unknown.NO_DATA)
    )
