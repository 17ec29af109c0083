"""The words of an alert: templates in the annotations of its rule, filled with what was found.

Templates are Jinja's, in a sandbox that reaches no file, no attribute of Python's own and no unbounded loop. They are tried when the rule is
loaded; what fails later gives the finding's own reason, never an error to whoever sends the page.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from jinja2 import TemplateAssertionError, TemplateError, UndefinedError, nodes
from jinja2.meta import find_undeclared_variables

from roomleft.clock import Now
from roomleft.errors import InputError
from roomleft.findings import Finding
from roomleft.metrics import TEMPLATE_FAILURES
from roomleft.packs_yaml import nearest
from roomleft.rule_templates import ENVIRONMENT, LONGEST, Amount, Missing, filled, instant_of, percent
from roomleft.rules import Rule
from roomleft.rules_when import (
    AbsentIs,
    All,
    AnomalyIs,
    Any_,
    BurnIs,
    HeadroomIs,
    HealthIs,
    Leaf,
    MeterIs,
    SeriesIs,
    SourceIs,
    leaves,
)
from roomleft.wording import window_text

log = logging.getLogger(__name__)
ALWAYS = (
    "alert", "title", "platform", "platform_title", "component", "owner", "severity", "runbook", "labels", "value", "line", "unit",
    "reason", "subject", "since", "observed_at",
)  # fmt: skip
"""What every template may name."""
OF_KIND: Mapping[type[Leaf], tuple[str, ...]] = {
    HeadroomIs: (
        "limit_id", "limit_title", "state", "used", "amount", "fraction_left", "room_left", "burn_rate", "p_breach", "chance",
        "exhausts_at", "exhausts_range", "order_by", "window", "refills_at", "next_step", "next_step_cost",
        "next_step_usd_per_month",
    ),
    MeterIs: ("meter_title", "used", "covers", "lower_bound"),
    SeriesIs: ("series", "window"),
    HealthIs: ("check", "status"),
    SourceIs: ("source",),
    BurnIs: (
        "slo", "slo_title", "objective", "window", "short_window", "bad", "total", "ratio", "burn_rate", "short_burn_rate", "factor",
        "budget_percent", "exhausts_in",
    ),
    AbsentIs: ("series",),
    AnomalyIs: ("target", "expected", "cause", "began_at", "p_value"),
}  # fmt: skip
"""What templates may name beside that, by the kinds of condition that the rule is made of."""
OF_LABELS = ("get", "items", "keys", "values")
STATEMENTS = (nodes.Output, nodes.If, nodes.For)
SAMPLE_AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def is_template(text: str) -> bool:
    """Whether a text has something to fill in."""
    return "{{" in text or "{%" in text or "{#" in text


def known_words(when: Leaf | All | Any_) -> frozenset[str]:
    """What the templates of a rule with this condition may name."""
    return words_for(leaves(when))


def words_for(kinds: Iterable[Leaf]) -> frozenset[str]:
    """What the templates of a rule made of these conditions may name."""
    found = set(ALWAYS)
    for leaf in kinds:
        found.update(OF_KIND.get(type(leaf), ()))
    return frozenset(found)


def template_faults(text: str, words: Collection[str] | None, labels: Collection[str] | None) -> Iterator[tuple[str, str]]:
    """What is wrong with a template: (what, hint) of each fault. `words` may be named, None where the condition is not known; `labels` are the
    alert's, None where they are not known before its query is asked."""
    yield from _template_faults(text, None if words is None else frozenset(words), None if labels is None else tuple(labels))


@lru_cache(maxsize=4096)
def _template_faults(text: str, words: frozenset[str] | None, labels: tuple[str, ...] | None) -> tuple[tuple[str, str], ...]:
    # Many rules say the same, and the same file is read by the check, by its tests and by a server's shelf; compiling a template takes milliseconds.
    return tuple(_faults_found(text, words, labels))


def _faults_found(text: str, words: Collection[str] | None, labels: Collection[str] | None) -> Iterator[tuple[str, str]]:
    try:
        tree = ENVIRONMENT.parse(text)
        undeclared = find_undeclared_variables(tree)
    except TemplateAssertionError as error:
        # A filter or test that there is none of; which one is only in the words.
        yield _first_line(error).rstrip(".").replace("No ", "no ", 1), f"filters: {', '.join(sorted(ENVIRONMENT.filters))}"
        return
    except TemplateError as error:
        yield f"not a template: {_first_line(error)}", "{{ value }} is filled in; {% if … %}…{% endif %} chooses"
        return
    words = words if words is not None else {*ALWAYS, *(name for names in OF_KIND.values() for name in names)}
    for name in sorted(undeclared - set(words)):
        yield f"unknown variable '{name}'", nearest(name, words, "variables here")
    faults = [*_statements(tree), *_calls(tree), *_reaching(tree), *(_labels(tree, labels) if labels is not None else ())]
    yield from faults
    if not faults and undeclared <= set(words):
        for sample in (_Sampled(full=True), _Sampled(full=False)):
            try:
                filled(text, {name: sample.word(name, labels or ()) for name in words}, SAMPLE_AT, UTC)
            except UndefinedError as error:
                if labels is not None:
                    yield f"it cannot be filled in: {_first_line(error)}", "only what docs/alert-rules.md names is known"
                    return
            except Exception as error:
                yield f"it cannot be filled in: {_first_line(error)}", "tried with sample values"
                return


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _statements(tree: nodes.Template) -> Iterator[tuple[str, str]]:
    for node in tree.find_all(nodes.Stmt):
        if not isinstance(node, STATEMENTS):
            yield f"'{type(node).__name__.lower()}' is not for annotations", "if and one for are enough"
        elif isinstance(node, nodes.For) and any(isinstance(one, nodes.For) for part in node.body for one in _within(part)):
            yield "a for within a for", "one loop is enough for labels"


def _within(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _within(child)


def _calls(tree: nodes.Template) -> Iterator[tuple[str, str]]:
    """Calls, but for those that read labels: `"x".ljust(999999999)` would fill the memory."""
    for call in tree.find_all(nodes.Call):
        of = call.node
        if not isinstance(of, nodes.Getattr) or of.attr not in OF_LABELS or not _are_labels(of.node):
            yield "calls are not for annotations", "write filters: {{ value | number }}"


def _names_read(tree: nodes.Template) -> Iterator[tuple[nodes.Expr, str]]:
    """What an attribute or an item is taken of, and its name, wherever it stands in the template as a word."""
    for attribute in tree.find_all(nodes.Getattr):
        yield attribute.node, attribute.attr
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.arg, nodes.Const) and isinstance(item.arg.value, str):
            yield item.node, item.arg.value


def _reaching(tree: nodes.Template) -> Iterator[tuple[str, str]]:
    for of, name in _names_read(tree):
        if name.startswith("__") or (name.startswith("_") and not _are_labels(of)):
            yield f"'{name}' reaches into Python", "templates see values and labels only"


def _are_labels(of: nodes.Expr) -> bool:
    return isinstance(of, nodes.Name) and of.name == "labels"


def _labels(tree: nodes.Template, labels: Collection[str]) -> Iterator[tuple[str, str]]:
    for of, name in _names_read(tree):
        if _are_labels(of) and name not in labels and name not in OF_LABELS:
            yield f"its alerts have no label '{name}'", nearest(name, labels, "labels")


class _Sampled:
    """Values to try a template with: all that may be known, or only what always is."""

    def __init__(self, full: bool) -> None:
        self._full = full

    def word(self, name: str, labels: Collection[str]) -> object:
        if name == "labels":
            return dict.fromkeys(labels, "sample")
        if name in ("since", "observed_at", "exhausts_at", "order_by", "refills_at", "window_end"):
            return SAMPLE_AT if self._full or name == "since" else Missing()
        if name in (
            "value",
            "line",
            "used",
            "amount",
            "remaining",
            "burn_rate",
            "p_breach",
            "fraction_left",
            "next_step_usd_per_month",
            "budget_left",
            "objective",
        ):
            return Amount("0.5") if self._full else Missing()
        return "sample" if self._full or name in ("alert", "title", "platform", "severity") else Missing()


def render(
    text: str,
    rule: Rule,
    labels: Mapping[str, str],
    finding: Finding | None,
    *,
    now: datetime,
    since: datetime | None = None,
    faults: list[str] | None = None,
) -> str:
    """A template of the rule, filled with what was found for an alert with these labels, as of `now`. Times are told in the platform's zone.

    Never raises: what cannot be filled in gives the finding's own reason, and `faults`, if given, is told why.
    """
    try:
        made = filled(text, words_of(rule, labels, finding, now=now, since=since), now, _zone_of(rule))
    except Exception as error:
        # Of what nobody can tell, or what is not so, the label sets are not known either: that is no fault of the template.
        untold = finding is not None and not finding.holds and isinstance(error, UndefinedError)
        if faults is not None and not untold:
            faults.append(f"{rule.where}: {_first_line(error)}")
        return finding.reason if finding is not None and finding.reason else rule.title
    return made if len(made) <= LONGEST else made[: LONGEST - 1] + "…"


def annotations_of(
    rule: Rule,
    labels: Mapping[str, str],
    finding: Finding | None,
    *,
    now: datetime,
    since: datetime | None = None,
    faults: list[str] | None = None,
) -> dict[str, str]:
    """Every annotation of the rule, filled in."""
    found = {}
    for name, text in rule.annotations.items():
        failed: list[str] = []
        made = render(text, rule, labels, finding, now=now, since=since, faults=failed) if is_template(text) else text
        if name == "title" and (failed or not _labels_known(text, labels)):
            made = rule.title  # a reason is no title
        if faults is not None:
            faults += failed
        found[name] = made
    return found


def _labels_known(text: str, labels: Mapping[str, str]) -> bool:
    """Whether an alert with these labels has those that a template reads as attributes."""
    read = (name for of, name in _names_read(ENVIRONMENT.parse(text)) if _are_labels(of) and name not in OF_LABELS)
    return not is_template(text) or all(name in labels for name in read)


def words_of(
    rule: Rule, labels: Mapping[str, str], finding: Finding | None, *, now: datetime, since: datetime | None = None
) -> dict[str, object]:
    """What templates of the rule may name, by name; what is not known this time is `Missing`."""
    facts = {**rule.facts, **(finding.facts if finding is not None else {})}
    # What a condition speaks of is the title among its facts.
    for kind, name in ((HeadroomIs, "limit_title"), (MeterIs, "meter_title")):
        if name not in facts and "title" in facts and any(isinstance(leaf, kind) for leaf in leaves(rule.when)):
            facts[name] = facts["title"]
    unit = finding.unit if finding is not None else ""
    words: dict[str, object] = {name: _typed(name, facts.get(name, "")) for name in known_words(rule.when)}
    if (share := facts.get("fraction_left")) and "room_left" in words:
        words["room_left"] = percent(share)
    if "window" in words:
        words["window"] = window_text(facts.get("window", ""), now, _zone_of(rule)) or Missing()
    words |= {
        "alert": rule.alert,
        "title": rule.title,
        "platform": rule.platform,
        "platform_title": facts.get("platform_title", rule.platform),
        "component": labels.get("component", rule.component),
        "owner": labels.get("owner", rule.owner),
        "severity": str(rule.severity),
        "runbook": rule.runbook,
        "labels": dict(labels),
    }
    if since is not None:
        words["since"] = since
    if finding is not None:
        words |= {"unit": unit, "reason": finding.reason}
        words |= {
            name: Amount(value, unit) for name, value in (("value", finding.value), ("line", finding.line)) if value is not None
        }
        words |= {"observed_at": finding.observed_at} if finding.observed_at is not None else {}
    return words


NUMBERS = (
    "fraction_left",
    "burn_rate",
    "p_breach",
    "next_step_usd_per_month",
    "bad",
    "total",
    "factor",
    "budget_percent",
    "short_burn_rate",
)
INSTANTS = ("since", "observed_at", "exhausts_at", "order_by", "refills_at")


def _typed(name: str, text: str) -> object:
    """A fact, which comes as text, as what templates can reckon with."""
    try:
        if text and name in NUMBERS:
            return Amount(text)
        return instant_of(text) if text and name in INSTANTS else text or Missing()
    except (InvalidOperation, InputError):
        return text


class Written:
    """Fills in the annotations of rules as of a clock. What fails is counted and logged once a rule, and gives the finding's own reason."""

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self._said: set[tuple[str, str]] = set()

    def __call__(self, rule: Rule, labels: Mapping[str, str], finding: Finding) -> Mapping[str, str]:
        faults: list[str] = []
        found = annotations_of(rule, labels, finding, now=self._clock.now(), faults=faults)
        for fault in faults:
            TEMPLATE_FAILURES.labels(rule.rule_id).inc()
            if (rule.rule_id, rule.version) not in self._said:
                self._said.add((rule.rule_id, rule.version))
                log.warning("an annotation could not be filled in: %s", fault)
        return found


def _zone_of(rule: Rule) -> tzinfo:
    return ZoneInfo(rule.facts.get("zone") or "UTC")
