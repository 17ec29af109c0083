"""Pack tests: plain scripts beside a pack that load readings and say what headroom and which alerts must come of them.

A value script is a line of samples, one each `every`: `0.60x5` five readings of 0.60, `0+60x10` ten that grow by 60 from 0,
`_x3` three gaps, `NaN`, and `end` for the marker that a series has ended. The store is in memory and is given only what had
happened by the time of each expectation. Alerts are evaluated all along, as a server would, every `evaluate_every`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from analytics.packtest_alerts import LEAST_BETWEEN, MOST_EVALUATIONS, Standing, WantedAlert, Watch, compare_alert
from analytics.packtest_rows import Rows, SeriesName, parse_series, parse_values
from analytics.pricing import new_rates, rates_table
from roomleft.clock import FixedClock
from roomleft.errors import RoomleftError
from roomleft.limits import Headroom, Limit, Reading
from roomleft.outlook import NoDate, Outlook
from roomleft.packs import Pack
from roomleft.packs_faults import note_validation_errors
from roomleft.packs_fields import Exact, Span, Strict, Words
from roomleft.packs_yaml import Document, nearest, read_yaml
from roomleft.rule_files import load_rules
from roomleft.rules import Rule
from roomleft.rules_shelf import rules_beside
from roomleft.rules_when import Bound
from roomleft.slos import slos_of
from roomleft.timespan import parse_span
from warehouse.rollup import roll_up
from warehouse.store import Store
from warehouse.writer import Writer


class Measure(Protocol):
    """Measures limits of packs: those of `only`, or all."""

    def __call__(
        self,
        store: Store,
        packs: Mapping[str, Pack],
        now: datetime,
        *,
        only: Collection[str] | None = None,
        foresee: Callable[[Pack, Limit, Reading, datetime], Outlook] | None = None,
    ) -> Sequence[Headroom]: ...


BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
OFFSET = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+")


def _offset(value: object) -> object:
    if isinstance(value, str) and OFFSET.fullmatch(value.replace(" ", "")):
        return parse_span(value)
    raise ValueError(f"{value!r} is not a time since the start: write for example 0m, 12m or 10d2h")


Offset = Annotated[timedelta, BeforeValidator(_offset)]


class UsageScript(Strict):
    """AI calls: `times` of them, one each `every`, from `at` on. `user` may hold {n}, the number of the call."""

    at: Offset = timedelta(0)
    every: Offset = timedelta(minutes=1)
    times: Annotated[int, Field(ge=1, le=100_000)] = 1
    user: str = "a"
    provider: str
    model: str
    request_type: str = "image"
    component: str = "ai"
    tier: str = "free"
    status: Literal["ok", "error", "timeout", "refused"] = "ok"
    input_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0
    images: Annotated[int, Field(ge=0)] = 0
    characters: Annotated[int, Field(ge=0)] = 0
    audio_seconds: Annotated[Exact, Field(ge=0)] = Decimal(0)
    latency_ms: float | None = None


class BusinessScript(Strict):
    """Business days of a tier: `days` of them alike, from the one that `at` lies in on; each is known from its beginning."""

    at: Offset = timedelta(0)
    days: Annotated[int, Field(ge=1, le=400)] = 1
    tier: str = "free"
    active_users: Annotated[int, Field(ge=0)] = 0
    new_users: Annotated[int, Field(ge=0)] = 0
    returning_users: Annotated[int, Field(ge=0)] = 0
    converted_users: Annotated[int, Field(ge=0)] = 0
    revenue_usd: Exact = Decimal(0)
    satisfaction: float | None = None


class Load(Strict):
    """What a platform sends, from `at` on: readings by series, answers of health checks by component, AI calls, business days."""

    at: Offset = timedelta(0)
    every: Offset = timedelta(minutes=1)
    series: dict[str, str] = Field(default_factory=dict)
    health: dict[str, str] = Field(default_factory=dict)
    usage: list[UsageScript] = Field(default_factory=list)
    business: list[BusinessScript] = Field(default_factory=list)
    read_until: Offset | None = Field(
        None, description="until when usage and business days were read to their end, if there was any or none"
    )


class Wanted(Strict):
    """What the headroom of a limit must be; `reason` need only be contained. Fractions may differ by 0.0005, dates by 12 hours, other figures by `within`.

    `p_breach` (a side of a line), `order_by` and `no_date` are a forecast's, which is then made of the readings so far.
    """

    limit: str
    state: Literal["ok", "tight", "exhausted", "unknown"] | None = None
    amount: Exact | None = None
    used: Exact | None = None
    remaining: Exact | None = None
    fraction_left: Exact | None = None
    burn_rate: Exact | None = None
    runs_out: Offset | None = None
    p_breach: Bound | None = None
    order_by: Offset | None = None
    no_date: NoDate | None = None
    reason: str | None = None
    subject: str | None = None
    basis: str | None = None
    lower_bound: bool | None = None
    within: Exact = Decimal("0.000001")

    @property
    def of_a_forecast(self) -> bool:
        """Whether it waits for what a forecast says."""
        return self.p_breach is not None or self.order_by is not None or self.no_date is not None


class Expectation(Strict):
    """What must hold at a time: of a limit's headroom, of an alert, or of both."""

    at: Offset
    headroom: Wanted | None = None
    alert: Annotated[list[WantedAlert], BeforeValidator(lambda v: [v] if isinstance(v, dict) else v)] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.headroom is None and not self.alert:
            raise PydanticCustomError("expect", "nothing is expected", {"todo": "give headroom, alert, or both"})
        return self


class Script(Strict):
    """One test."""

    name: Words
    begin: datetime = BEGIN
    evaluate_every: Span | None = Field(None, description="how often alerts are evaluated; as often as readings come when absent")
    evaluate_from: Offset = Field(timedelta(0), description="from when on; before it history is loaded that nobody looks at")
    load: Annotated[list[Load], BeforeValidator(lambda v: [v] if isinstance(v, dict) else v), Field(min_length=1)]
    expect: Annotated[list[Expectation], BeforeValidator(lambda v: [v] if isinstance(v, dict) else v), Field(min_length=1)]

    @property
    def every(self) -> timedelta:
        """How often alerts are evaluated."""
        return self.evaluate_every or max(LEAST_BETWEEN, min(load.every for load in self.load))

    def evaluations(self) -> list[timedelta]:
        """When, counted from the start: none if no alert is expected."""
        last = max((one.at for one in self.expect if one.alert), default=None)
        if last is None:
            return []
        count = max((last - self.evaluate_from) // self.every, 0) + 1
        beats = {self.evaluate_from + number * self.every for number in range(min(count, MOST_EVALUATIONS + 1))}
        return sorted(beats | {one.at for one in self.expect if one.alert})


class Scripts(Strict):
    """The whole file."""

    scripts: Annotated[list[Script], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """How a script came out: no failures, or each in words."""

    name: str
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.failures


def load_scripts(path: Path, pack: Pack, rules: Mapping[str, Rule] | None = None) -> list[Script]:
    """Read a test file, of a pack with these alert rules (those that stand beside it when left out). Raises PackFaults with every fault of it."""
    return _scripts_and_rules(path, pack, rules)[0]


def _scripts_and_rules(path: Path, pack: Pack, rules: Mapping[str, Rule] | None) -> tuple[list[Script], Mapping[str, Rule]]:
    """The scripts of a file and the rules that stand beside the pack, which are read only where a script expects an alert."""
    document = read_yaml(path)
    # A file is a list of scripts; wrapped, so that faults of the list are told like all others.
    wrapped = Document(
        document.file, {"scripts": document.data}, {("scripts", *p): n for p, n in document.lines.items()}, document.problems
    )
    scripts: list[Script] = []
    try:
        scripts = Scripts.model_validate(wrapped.data).scripts
    except ValidationError as error:
        note_validation_errors(wrapped, Scripts, error)
    if rules is None:
        rules = rules_of(pack) if any(one.alert for script in scripts for one in script.expect) else {}
    for number, script in enumerate(scripts):
        _check(wrapped, script, pack, number, rules)
    wrapped.refuse()
    return scripts, rules


def _check(document: Document, script: Script, pack: Pack, number: int, rules: Mapping[str, Rule]) -> None:
    limits = [limit.limit_id for limit in pack.limit_list()]
    if script.begin.tzinfo is None:
        document.add("begin has no time zone", ("scripts", number, "begin"), "add Z")
    names = [rule.alert for rule in rules.values()]
    for index, expectation in enumerate(script.expect):
        for one, wanted in enumerate(expectation.alert):
            if wanted.name not in names:
                at = ("scripts", number, "expect", index, "alert", one, "name")
                document.add(f"unknown alert '{wanted.name}'", at, nearest(wanted.name, names, "alerts"))
        if expectation.headroom is not None and expectation.headroom.limit not in limits:
            hint = nearest(expectation.headroom.limit, limits, "limits")
            document.add(
                f"unknown limit '{expectation.headroom.limit}'", ("scripts", number, "expect", index, "headroom", "limit"), hint
            )
    if len(script.evaluations()) > MOST_EVALUATIONS:
        document.add(
            f"more than {MOST_EVALUATIONS:,} evaluations",
            ("scripts", number),
            "give a longer evaluate_every, or a later evaluate_from",
        )
    for index, load in enumerate(script.load):
        for key, line in [*load.series.items(), *load.health.items()]:
            section = "series" if key in load.series else "health"
            place = ("scripts", number, "load", index, section, key)
            try:
                if section == "series":
                    component_of(pack, parse_series(key))
                parse_values(line, words=section == "health")
            except RoomleftError as error:
                document.add(error.what, place, error.hint)


def component_of(pack: Pack, series: SeriesName) -> str:
    """The component that a series belongs to, by the pack's signals and meters. Raises PackError."""
    named = {signal.series: signal.component for signal in reversed(pack.signals)}
    for meter in pack.meters.values():
        if (name := getattr(meter, "series", None)) and (component := getattr(meter, "component", None)):
            named[name] = component
    return series.component(named)


def rules_of(pack: Pack) -> dict[str, Rule]:
    """The alert rules that stand beside a pack, by rule_id. Raises PackFaults."""
    path = rules_beside(pack)
    rules = load_rules(path, pack, slos=slos_of({pack.slug: pack})) if path.is_file() else []
    return {rule.rule_id: rule for rule in rules}


def run_pack_tests(pack: Pack, path: Path, measure: Measure, watch: Watch | None = None) -> list[ScriptResult]:
    """Run every script of a file. `measure` measures and `watch` evaluates rules (handed in, since both stand above). Raises PackFaults."""
    scripts, rules = _scripts_and_rules(path, pack, None)
    return [run_script(pack, script, measure, watch, rules) for script in scripts]


def run_script(
    pack: Pack, script: Script, measure: Measure, watch: Watch | None = None, rules: Mapping[str, Rule] | None = None
) -> ScriptResult:
    """Run one script on a store of its own. Of the rules only those are evaluated that it expects something of."""
    failures: list[str] = []
    clock = FixedClock(script.begin)
    packs = {pack.slug: pack}
    named = {f"{pack.slug}.{wanted.name}" for one in script.expect for wanted in one.alert}
    mine = {rule_id: rule for rule_id, rule in (rules or {}).items() if rule_id in named}
    with closing(Store.open("duckdb:///:memory:", now=clock, threads=1)) as store:
        rates = new_rates(store, packs, script.begin).rows
        if rates:
            store.run(lambda tx: tx.insert("rates", rates_table(rates)))
        writer = Writer(store, clock, group_ms=0)
        writer.start()
        beat = watch(store, packs, mine, script.every) if watch is not None and named else None
        beats = set(script.evaluations()) if beat is not None else set()
        standing: Sequence[Standing] = ()
        try:
            rows = Rows(pack, script.begin, lambda name: component_of(pack, name))
            for load in script.load:
                rows.add(load)
            for at in sorted({*beats, *(one.at for one in script.expect)}):
                now = script.begin + at
                clock.at = now
                for batch in rows.until(now):
                    writer.write(batch)
                roll_up(store, now, pack.zones())
                due = [one for one in script.expect if one.at == at]
                asked = [one.headroom for one in due if one.headroom is not None]
                wanted = {one.limit for one in asked}
                ahead = _forecast(store, pack, wanted) if any(one.of_a_forecast for one in asked) else None
                found = {row.limit_id: row for row in measure(store, packs, now, only=wanted, foresee=ahead)} if wanted else {}
                if beat is not None and at in beats:
                    standing = beat(now)
                for one in due:
                    if one.headroom is not None:
                        failures.extend(_compare(one.at, one.headroom, found[one.headroom.limit], script.begin))
                    for alert in one.alert:
                        failures.extend(compare_alert(alert, pack.slug, standing, f"at {_span_words(at)}"))
        finally:
            writer.close()
    return ScriptResult(script.name, tuple(failures))


def _forecast(store: Store, pack: Pack, limits: Collection[str]) -> Callable[[Pack, Limit, Reading, datetime], Outlook]:
    from analytics.forecasting.at_once import AtOnce  # slow to import, and seldom needed

    return AtOnce(store, pack, limits)


def _compare(after: timedelta, wanted: Wanted, found: Headroom, begin: datetime) -> Iterator[str]:
    at = f"at {_span_words(after)}, {wanted.limit}"
    for name in ("state", "subject", "basis", "lower_bound"):
        want = getattr(wanted, name)
        if want is not None and want != getattr(found, name):
            reason = f" ({found.reason})" if name == "state" and found.reason else ""
            yield f"{at}: {name} is {getattr(found, name)!s}{reason}, not {want}"
    if wanted.reason is not None and wanted.reason not in found.reason.replace("\u202f", " "):
        yield f"{at}: the reason is {found.reason!r}, which does not say {wanted.reason!r}"
    for name in ("amount", "used", "remaining", "fraction_left", "burn_rate"):
        want, have = getattr(wanted, name), getattr(found, name)
        slack = Decimal("0.0005") if name == "fraction_left" else wanted.within
        if want is not None and (have is None or abs(Decimal(str(have)) - want) > slack):
            yield f"{at}: {name} is {have}, not {want}"
    if wanted.p_breach is not None and (found.p_breach is None or not wanted.p_breach.holds(found.p_breach)):
        yield f"{at}: p_breach is {found.p_breach}, not {wanted.p_breach.side} {wanted.p_breach.line}"
    if wanted.no_date is not None and found.no_date != wanted.no_date:
        yield f"{at}: no_date is {found.no_date}, not {wanted.no_date}"
    for words, out, want_at in (
        ("it runs out", found.exhausts_p50, wanted.runs_out),
        ("order_by is", found.order_by, wanted.order_by),
    ):
        if want_at is not None and (out is None or abs(out - (begin + want_at)) > timedelta(hours=12)):
            yield f"{at}: {words} {out}, not within 12 h of {begin + want_at}"


def _span_words(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:g}m" if minutes < 60 * 48 else f"{minutes / 1440:g}d"
