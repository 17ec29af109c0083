"""What an alert rule waits for: conditions over headroom, meters, series, health, burn rates, silence and SQL, and their combination.

A condition is one map with exactly one leading key (`headroom`, `meter`, `series` …, or `all`, `any`); `When` picks its model by that key.
What a condition says of the data at an instant is a list of findings: `roomleft.findings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from roomleft.packs_fields import Exact, Ident, Service, Span, Strict, Unit

SIDES = ("above", "below", "at_least", "at_most")
ASKS = ("state", "fraction_left", "used", "remaining", "burn_rate", "p_breach", "exhausts_within", "order_within")
"""What can be asked of a limit's headroom."""
FORESEEN = ("p_breach", "order_within")
"""Those of them that a forecast answers."""


class Bound(Strict):
    """One side of a line. `clear`: an alert that fires goes on until the reading is beyond this too, so that one near the line does not flap."""

    above: Exact | None = None
    below: Exact | None = None
    at_least: Exact | None = None
    at_most: Exact | None = None
    clear: Exact | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if self.side is None:
            raise PydanticCustomError(
                "bound", "a condition needs one line to compare with", {"todo": f"give one of {', '.join(SIDES)}"}
            )
        if self.clear is not None:
            line = self.line
            wrong = self.clear > line if self.side in ("above", "at_least") else self.clear < line
            if wrong:
                raise PydanticCustomError(
                    "bound",
                    "clear lies on the wrong side of the line",
                    {"todo": "an alert must clear beyond the line it fires at"},
                )
        return self

    @property
    def side(self) -> str | None:
        """Which of SIDES is given; None unless exactly one is."""
        given = [side for side in SIDES if getattr(self, side) is not None]
        return given[0] if len(given) == 1 else None

    @property
    def line(self) -> Decimal:
        """The amount compared with."""
        assert self.side is not None, "the model lets exactly one side through"
        amount: Decimal = getattr(self, self.side)
        return amount

    def holds(self, value: Decimal | float, *, firing: bool = False) -> bool:
        """Whether a reading is on the wrong side; for an alert that `firing` already, of `clear` where that is given."""
        line: Decimal | float = self.clear if firing and self.clear is not None else self.line
        if isinstance(value, float):
            line = float(line)
        match self.side:
            case "above":
                return value > line
            case "below":
                return value < line
            case "at_least":
                return value >= line
            case _:
                return value <= line


class _Line(Bound):
    """A condition whose reading is compared with a line: given here, or `threshold`, a named line of the pack with its side."""

    threshold: Ident | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if self.threshold is not None:
            if self.side is not None:
                raise PydanticCustomError(
                    "bound", "a threshold brings its own line", {"todo": "leave out threshold, or the line"}
                )
            return self
        return super()._one_side()  # type: ignore[operator,no-any-return]


class HeadroomIs(Strict):
    """The stored headroom of a limit of the rule's platform; `*`: of every limit (of a `kind`, if given), one finding each.

    Exactly one of the others: the `state` it must be in; bounds on `fraction_left`, `used`, `remaining`, `burn_rate` or `p_breach`; or
    `exhausts_within`: the middle date (p50; `percentile` picks p10 or p90) is that near; or `order_within`: the last moment to order its
    next step is that near, or past.
    """

    headroom: Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9_]{0,59})$")]
    kind: Literal["budget", "slo", "capacity", "quota", "ratio"] | None = None
    state: Literal["exhausted", "tight", "ok"] | None = None
    fraction_left: Bound | None = None
    used: Bound | None = None
    remaining: Bound | None = None
    burn_rate: Bound | None = None
    p_breach: Bound | None = None
    exhausts_within: Span | None = None
    order_within: Span | None = None
    percentile: Literal["p10", "p50", "p90"] = "p50"

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if sum(getattr(self, name) is not None for name in ASKS) != 1:
            raise PydanticCustomError(
                "headroom", "a headroom condition asks one question", {"todo": f"give one of {', '.join(ASKS)}"}
            )
        return self

    @property
    def question(self) -> str:
        """Which of ASKS is given."""
        return next(name for name in ASKS if getattr(self, name) is not None)


class MeterIs(_Line):
    """A meter of the pack; what adds up is taken over `over`."""

    meter: Ident
    over: Span | None = None


class SeriesIs(_Line):
    """The series of a name that carry `labels`, one finding for each value of the labels in `by` (none: all of them together).

    Within a series the `over_time` of the last `over`; `rate` and `increase` are a counter's, a second and in all; `across` the series of
    one finding; times `scale`.
    """

    series: Service
    component: Service | None = None
    labels: dict[str, str] = {}
    by: Annotated[list[Service], Field(max_length=8)] = []
    over: Span = timedelta(minutes=5)
    over_time: Literal["last", "mean", "max", "min", "rate", "increase"] = "mean"
    across: Literal["sum", "mean", "max", "min"] = "mean"
    scale: Exact | None = None
    unit: Unit | None = None


class HealthIs(Strict):
    """The newest answers of a component's checks (of `check` alone, if given): one finding for each check, which holds when its status is among `status`."""

    health: Service
    check: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    status: Annotated[list[Literal["fail", "warn", "unknown"]], Field(min_length=1)] = ["fail"]


class SourceIs(Strict):
    """A source of the platform (`*`: each of them) that has not been read for `silent_for`."""

    source: Annotated[str, Field(min_length=1, max_length=200)]
    silent_for: Span = timedelta(minutes=2)


class BurnIs(Strict):
    """An SLO's error budget burns fast in two windows at once: the pairs of CONVENTIONS by name, or of one's own.

    `budget_percent` of the budget of the SLO's window used up in `long`; the short window tells that it still goes on. `min_events`: with fewer
    events in the long window the lower end of the ratio's 95 % interval is compared instead.
    """

    burn: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
    pairs: Literal["page", "ticket"] | None = None
    long: Span | None = None
    short: Span | None = None
    budget_percent: Annotated[Exact, Field(gt=0, le=100)] | None = None
    min_events: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _pairs_or_own(self) -> Self:
        own = (self.long, self.short, self.budget_percent)
        if (self.pairs is None) == all(part is None for part in own) or (self.pairs is None and None in own):
            raise PydanticCustomError(
                "burn",
                "a burn condition has named pairs or windows of its own",
                {"todo": "pairs: page, or long, short and budget_percent"},
            )
        if self.long is not None and self.short is not None and self.short >= self.long:
            raise PydanticCustomError(
                "burn", "the short window is not shorter than the long one", {"todo": "about a twelfth of it is usual"}
            )
        return self


class AbsentIs(Strict):
    """Nothing came in for `for_longer_than`: samples of a series that carry `labels` (one finding for each value of `by` that was seen in the
    last day), or the platform's AI usage (`absent: usage`)."""

    absent: Service
    labels: dict[str, str] = {}
    by: Annotated[list[Service], Field(max_length=8)] = []
    for_longer_than: Span = timedelta(minutes=10)


class AnomalyIs(Strict):
    """A cost or latency of the platform is now as its past does not explain, and nothing announced explains it: one finding for each series.

    `target`: one series (`shop/ai_cost#model=x`); without it the totals, and `"*"` the parts too. `form`: `page`, by the mean of three readings, or
    `screen`, by each reading. `side`: only more, or only less, than expected. `p_below`: only what is rarer still.
    """

    anomaly: Literal["cost", "latency"]
    target: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    form: Literal["page", "screen"] = "page"
    side: Literal["above", "below"] | None = None
    p_below: Annotated[Exact, Field(gt=0, lt=1)] | None = None


class SqlIs(_Line):
    """A query file beside the pack that gives rows of labels and a column `value`: one finding a row. No row: nothing holds."""

    sql: Annotated[str, Field(pattern=r"^[a-z0-9_]+\.sql$")]
    unit: Unit | None = None


class OwnIs(_Line):
    """One of Roomleft's own metrics (docs/metrics.md) with these labels, one finding for each value of the labels in `by`."""

    own: Annotated[str, Field(pattern=r"^roomleft_[a-z0-9_]+$")]
    labels: dict[str, str] = {}
    by: Annotated[list[Service], Field(max_length=8)] = []
    over: Span | None = None
    """How far it rose in the last so much, of a counter."""


class All(Strict):
    """Every part holds: of findings with labels in common, those whose common labels are equal."""

    all: Annotated[list[When], Field(min_length=2, max_length=10)]


class Any_(Strict):
    """At least one part holds. A part that cannot be told does not matter while another holds."""

    any: Annotated[list[When], Field(min_length=2, max_length=10)]


LEAVES = ("headroom", "meter", "series", "health", "source", "burn", "absent", "anomaly", "sql", "own")
LEADING = (*LEAVES, "all", "any")


def _leading(value: Any) -> str | None:
    names = set(value) if isinstance(value, dict) else set(type(value).model_fields) if isinstance(value, Strict) else set()
    found = [name for name in LEADING if name in names]
    return found[0] if len(found) == 1 else None


Leaf = HeadroomIs | MeterIs | SeriesIs | HealthIs | SourceIs | BurnIs | AbsentIs | AnomalyIs | SqlIs | OwnIs
When = Annotated[
    Annotated[HeadroomIs, Tag("headroom")]
    | Annotated[MeterIs, Tag("meter")]
    | Annotated[SeriesIs, Tag("series")]
    | Annotated[HealthIs, Tag("health")]
    | Annotated[SourceIs, Tag("source")]
    | Annotated[BurnIs, Tag("burn")]
    | Annotated[AbsentIs, Tag("absent")]
    | Annotated[AnomalyIs, Tag("anomaly")]
    | Annotated[SqlIs, Tag("sql")]
    | Annotated[OwnIs, Tag("own")]
    | Annotated[All, Tag("all")]
    | Annotated[Any_, Tag("any")],
    Discriminator(
        _leading,
        custom_error_type="condition",
        custom_error_message="a condition begins with exactly one word of its kind",
        custom_error_context={"todo": f"one of {', '.join(LEADING)}"},
    ),
]
All.model_rebuild()
Any_.model_rebuild()


def leaves(when: Leaf | All | Any_) -> Iterator[Leaf]:
    """Every condition a condition is made of in the end, in order."""
    if isinstance(when, All):
        for part in when.all:
            yield from leaves(part)
    elif isinstance(when, Any_):
        for part in when.any:
            yield from leaves(part)
    else:
        yield when


def brings(when: Leaf | All | Any_) -> frozenset[str]:
    """The labels that a condition's findings carry, beside what a query file returns. Whatever the condition names itself is no label: it
    is the same in every finding."""
    match when:
        case All():
            return frozenset().union(*(brings(part) for part in when.all))
        case Any_():
            return frozenset().union(*(brings(part) for part in when.any))
        case HeadroomIs():
            return frozenset({"limit_id"} if when.headroom == "*" else ())
        case HealthIs():
            return frozenset({"check"} if when.check is None else ())
        case SourceIs():
            return frozenset({"source"} if when.source == "*" else ())
        case AnomalyIs():
            return frozenset({"target"} if when.target in (None, "*") else ())
        case SeriesIs() | AbsentIs() | OwnIs():
            return frozenset(when.by)
        case _:
            return frozenset()
