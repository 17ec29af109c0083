"""Which alerts tell nobody because another one that fires explains them: a component they depend on fails, or a rule of alerting.yaml says so.

A component fails where a critical alert says so: its checks fail, or an error budget of it burns. That it costs too much, or is nearly full, explains
nothing.

It is worked out anew at each evaluation from the alerts as they are stored, before anything is told: a restart or a reload changes nothing about it.
An alert never inhibits itself, and alerts that would inhibit one another inhibit neither: of any chain or ring somebody is told.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.alert import Alert
from alerts.notice import Withheld
from roomleft.alerting import Inhibition
from roomleft.findings import AlertState, Severity
from roomleft.matchers import Matcher, matches, parse_matchers
from roomleft.packs import Pack
from roomleft.rules import Rule, Rules
from roomleft.rules_when import All, Any_, BurnIs, HealthIs, Leaf

RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
LINGERS = timedelta(minutes=2)
"""How long after its end an alert still explains those that began while it fired: what depends on a part recovers after it."""
CAUSE, FAILURE = "cause", "failure"
"""The label by which a rule says itself whether its alerts tell of a failure of the component, and its value if so."""


@dataclass(frozen=True, slots=True)
class Inhibited:
    """Why an alert tells nobody, and because of which other one."""

    reason: Withheld
    by: Alert


Key = tuple[str, str]
Node = Hashable


def inhibited(
    alerts: Sequence[Alert], packs: Mapping[str, Pack], inhibitions: Sequence[Inhibition], rules: Rules, now: datetime
) -> dict[Key, Inhibited]:
    """The firing alerts that are inhibited, by key. `alerts`: all of them, those resolved lately too; `rules` those in force."""
    sources = [alert for alert in alerts if _explains(alert, now)]
    targets = [alert for alert in alerts if alert.state is AlertState.FIRING]
    if not sources or not targets:
        return {}
    explained = _Explained(sources, targets)
    explained.by_dependency(packs, rules)
    for number, rule in enumerate(inhibitions):
        explained.by_rule(number, rule)
    return explained.without_rings()


def says_failure(alert: Alert, rule: Rule | None) -> bool:
    """Whether an alert says that its component itself fails, so that what depends on it must.

    It is critical, there is data that says so, and its rule has the label `cause: failure`, or no such label and a condition that cannot hold unless
    the component's checks fail or an error budget burns.
    """
    if alert.severity is not Severity.CRITICAL or alert.facts.get("no_data"):
        return False
    if alert.labels.get(CAUSE):
        return alert.labels[CAUSE] == FAILURE
    return rule is not None and _is_of_failure(rule.when, alert.labels.get("component", ""))


def _is_of_failure(when: Leaf | All | Any_, component: str) -> bool:
    match when:
        case All():
            return any(_is_of_failure(part, component) for part in when.all)
        case Any_():
            return all(_is_of_failure(part, component) for part in when.any)
        case HealthIs():
            return when.health == component and set(when.status) == {"fail"}
        case _:
            return isinstance(when, BurnIs)


def upstream(packs: Mapping[str, Pack]) -> dict[str, dict[str, frozenset[str]]]:
    """Of each platform's components: those that it depends on, directly or through others, and that do not depend on it in turn."""
    return {slug: _upstream({part.id: tuple(part.depends_on) for part in pack.components}) for slug, pack in packs.items()}


def _upstream(needs: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    reached: dict[str, set[str]] = {}
    for start in needs:
        seen: set[str] = set()
        waiting = list(needs[start])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += needs.get(name, ())
        reached[start] = seen
    return {name: frozenset(each for each in found if name not in reached.get(each, ())) for name, found in reached.items()}


def _explains(alert: Alert, now: datetime) -> bool:
    if alert.state is AlertState.FIRING:
        return True
    return alert.state is AlertState.RESOLVED and alert.resolved_at is not None and now - alert.resolved_at < LINGERS


def _outlives(source: Alert, target: Alert) -> bool:
    """Whether the source may speak for the target: it still fires, or the target began before it was over."""
    if source.state is AlertState.FIRING:
        return True
    began = target.held_since or target.fired_at
    return began is not None and source.resolved_at is not None and began <= source.resolved_at


class _Explained:
    """A graph of alerts: an edge from a source through a node of its rule to each target."""

    def __init__(self, sources: Sequence[Alert], targets: Sequence[Alert]) -> None:
        self.sources, self.targets = sources, targets
        self.edges: dict[Node, set[Node]] = {}
        self.members: dict[Node, list[Alert]] = {}
        self.into: dict[Key, list[tuple[Node, Withheld]]] = {}
        self.alerts = {alert.key: alert for alert in targets}

    def by_dependency(self, packs: Mapping[str, Pack], rules: Rules) -> None:
        above = upstream(packs)
        failing: dict[tuple[str, str], list[Alert]] = {}
        for alert in self.sources:
            component = alert.labels.get("component", "")
            if component in above.get(alert.platform, {}) and says_failure(alert, rules.get(alert.rule_id)):
                failing.setdefault((alert.platform, component), []).append(alert)
        for target in self.targets:
            for component in above.get(target.platform, {}).get(target.labels.get("component", ""), ()):
                found = failing.get((target.platform, component), ())
                self._add(("component", target.platform, component), found, target, Withheld.DEPENDENCY)

    def by_rule(self, number: int, rule: Inhibition) -> None:
        source, target = parse_matchers(rule.source), parse_matchers(rule.target)
        found: dict[tuple[bool, tuple[str, ...]], list[Alert]] = {}
        for alert in self.sources:
            if matches(source, alert.labels):
                # As Alertmanager does: what is both source and target cannot be inhibited by another that is both.
                found.setdefault((matches(target, alert.labels), _agreed(rule, alert)), []).append(alert)
        for alert in self._that_match(target):
            for both in (False, True):
                key = (both, _agreed(rule, alert))
                self._add(("rule", number, *key), found.get(key, ()), alert, Withheld.INHIBITED)

    def _that_match(self, matchers: Iterable[Matcher]) -> Iterator[Alert]:
        matchers = tuple(matchers)
        return (alert for alert in self.targets if matches(matchers, alert.labels))

    def _add(self, node: Node, sources: Sequence[Alert], target: Alert, reason: Withheld) -> None:
        if not sources:
            return
        if node not in self.members:
            self.members[node] = sorted(sources, key=lambda each: (each.state is not AlertState.FIRING, -RANK[each.severity]))
            for source in sources:
                self.edges.setdefault(source.key, set()).add(node)
        self.edges.setdefault(node, set()).add(target.key)
        self.into.setdefault(target.key, []).append((node, reason))

    def without_rings(self) -> dict[Key, Inhibited]:
        """Who is inhibited by whom, once edges within a ring are left out."""
        ring = _rings(self.edges)
        found: dict[Key, Inhibited] = {}
        for key, ways in self.into.items():
            target = self.alerts[key]
            for node, reason in ways:
                if ring.get(node, node) == ring.get(key, key):
                    continue
                source = next((each for each in self.members[node] if each.key != key and _outlives(each, target)), None)
                if source is not None:
                    found[key] = Inhibited(reason, source)
                    break
        return found


def _agreed(rule: Inhibition, alert: Alert) -> tuple[str, ...]:
    return tuple(alert.labels.get(name, "") for name in rule.equal)


def _rings(edges: Mapping[Node, set[Node]]) -> dict[Node, int]:
    """A number for each node, equal for nodes that reach one another: Tarjan's strongly connected components, without recursion."""
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    stack: list[Node] = []
    on_stack: set[Node] = set()
    found: dict[Node, int] = {}
    for root in list(edges):
        if root in index:
            continue
        work: list[tuple[Node, Iterator[Node]]] = []

        def enter(node: Node, work: list[tuple[Node, Iterator[Node]]] = work) -> None:
            index[node] = low[node] = len(index)
            stack.append(node)
            on_stack.add(node)
            work.append((node, iter(edges.get(node, ()))))

        enter(root)
        while work:
            node, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        found[member] = index[node]
                        if member == node:
                            break
            elif following not in index:
                enter(following)
            elif following in on_stack:
                low[node] = min(low[node], index[following])
    return found
