"""From a file's rows to records: which column feeds which field, what is fixed, and how times are meant."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from collectors.files.terms import Term, as_number
from collectors.records import samples_rows, usage_fields
from collectors.records.fields import nearest
from roomleft.errors import InputError

SAME_STATUS = {
    "success": "ok", "succeed": "ok", "succeeded": "ok", "completed": "ok", "failed": "error", "failure": "error", "fail": "error",
    "timed_out": "timeout", "rejected": "refused", "denied": "refused",
}  # fmt: skip
TIME_NAMES = ("timestamp", "timestamp_s", "timestamp_ms", "time", "ts", "datetime", "date_time")
REMEMBERED = frozenset({str, int, datetime})
REMEMBERED_MOST = 10_000
UNITS_US = {"_ms": 1_000, "_us": 1, "_s": 1_000_000}
BUSINESS_COUNTS = ("active_users", "new_users", "returning_users", "converted_users")


@dataclass(frozen=True)
class Shape:
    """What records of one kind consist of: fields by how a cell becomes their value."""

    texts: frozenset[str]
    numbers: frozenset[str]
    times: tuple[str, ...]
    maps: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()

    @property
    def fields(self) -> frozenset[str]:
        return self.texts | self.numbers | self.maps | self.others | frozenset(self.times)


SHAPES = {
    "usage": Shape(
        texts=frozenset({"id", *usage_fields.TEXTS, *usage_fields.WORDS}),
        numbers=frozenset({*usage_fields.COUNTS, *usage_fields.NUMBERS, "period_s"}),
        times=usage_fields.INSTANTS,
        maps=frozenset({*usage_fields.TEXT_MAPS, *usage_fields.NUMBER_MAPS}),
        others=frozenset(usage_fields.MONEY),
    ),
    "samples": Shape(
        texts=frozenset({"platform", "component", "name"}),
        numbers=frozenset({"value"}),
        times=("observed_at",),
        maps=frozenset({"labels"}),
    ),
    "business": Shape(
        texts=frozenset({"platform", "tier"}),
        numbers=frozenset({*BUSINESS_COUNTS, "satisfaction"}),
        times=(),
        others=frozenset({"day", "revenue_usd"}),
    ),
}


@dataclass
class Times:
    """How the file's times are meant: the zone of zoneless ones, the start of relative ones."""

    zone: ZoneInfo | None = None
    start: datetime | None = None

    def resolver(self, column: str) -> Callable[[object], object]:
        """The function from a cell of `column` to an RFC 3339 text; a cell that cannot be told comes back as it is."""
        unit = next((us for suffix, us in UNITS_US.items() if column.endswith(suffix)), 1_000_000)
        start, zone = self.start, self.zone

        def resolve(value: object) -> object:
            number = as_number(value)
            if isinstance(number, int | float):
                if start is None:
                    return number
                try:
                    return (start + timedelta(microseconds=round(number * unit))).isoformat()
                except (OverflowError, ValueError):
                    return jsonable(number)
            at = value
            if isinstance(value, str):
                try:
                    at = datetime.fromisoformat(value)
                except ValueError:
                    return value
            if not isinstance(at, datetime):
                return str(at)
            if at.tzinfo is None:
                if zone is None:
                    return at.isoformat()
                at = at.replace(tzinfo=zone)
            return at.astimezone(UTC).isoformat()

        return resolve

    def check(self, value: object, column: str, where: str) -> None:
        """Raises InputError when a file's times cannot be told without `--zone` or `--start`."""
        number = as_number(value)
        if isinstance(number, int | float) and not isinstance(number, bool):
            if self.start is None:
                raise InputError(
                    f"the times in {column!r} are numbers, so they count from somewhere",
                    where,
                    "give --start INSTANT, for example --start 2026-11-20T00:00:00Z; for Unix times --start 1970-01-01T00:00:00Z",
                )
            return
        if self.zone is None:
            try:
                naive = datetime.fromisoformat(str(self.resolver(column)(value))).tzinfo is None
            except ValueError:
                return
            if naive:
                raise InputError(
                    f"the times in {column!r} have no time zone",
                    where,
                    "say which one they are in, for example --zone UTC (with `connect file` it is --time-zone UTC)",
                )


@dataclass
class FileMapping:
    """The compiled `--map`, `--set`, `--platform`, `--zone` and `--start` for one file's columns."""

    shape: Shape
    times: Times
    feeds: dict[str, Term] = field(default_factory=dict)
    fixed: dict[str, object] = field(default_factory=dict)
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def compile(self) -> Callable[[Mapping[str, object]], dict[str, object]]:
        """The function from a row to a record."""
        steps = [(*_target(name), term, _converter(self.shape, name, term, self)) for name, term in sorted(self.feeds.items())]
        end_of = _period_ends()
        fixed = [(*_target(name), value) for name, value in sorted(self.fixed.items())]

        def record_of(row: Mapping[str, object]) -> dict[str, object]:
            record: dict[str, object] = {}
            for name, entry, term, convert in steps:
                value = term.value(row)
                if value is not None:
                    _put(record, name, entry, convert(value))
            for name, entry, value in fixed:
                _put(record, name, entry, value)
            if "period_s" in record:
                length = record.pop("period_s")
                record.setdefault("period_end", end_of(record.get("occurred_at"), length))
            return record

        return record_of


def mapping(
    as_: str,
    columns: Sequence[str],
    *,
    maps: Sequence[str],
    sets: Sequence[str],
    platform: str | None,
    times: Times,
    where: str,
) -> FileMapping:
    """The mapping for a file with these columns. Raises InputError for an unknown column or field, naming the nearest."""
    shape = SHAPES[as_]
    made = FileMapping(shape, times)
    for entry in sets:
        name, equals, value = entry.partition("=")
        if not equals:
            raise InputError(f"{entry!r} is not FIELD=VALUE", "--set", "for example --set provider=azure,model=gpt-4")
        _check_field(shape, name.strip(), "--set")
        text = value.strip()
        is_number = name.strip() in shape.numbers or name.strip().startswith("other_units.")
        made.fixed[name.strip()] = as_number(text) if is_number else text
    if platform is not None:
        made.fixed["platform"] = platform
    for entry in maps:
        _add_map(made, entry, columns, where)
    mapped = {term.text for term in made.feeds.values() if term.is_column}
    for column in columns:
        # A column that already bears a field's name feeds it, unless it was given another task (being a part of a product is none).
        if column in shape.fields and column not in mapped and column not in made.feeds and column not in made.fixed:
            made.feeds[column] = Term(column)
            mapped.add(column)
    _guess_time(made, [column for column in columns if column not in mapped])
    used = {column for term in made.feeds.values() for column in term.columns}
    made.unused = [column for column in columns if column not in used]
    return made


def _add_map(made: FileMapping, entry: str, columns: Collection[str], where: str) -> None:
    left, equals, name = entry.rpartition("=")
    left, name = left.strip(), name.strip()
    if not equals or not left:
        raise InputError(f"{entry!r} is not COLUMN=FIELD", "--map", "for example --map context_tokens=input_tokens")
    column, colon, word = left.partition(":")
    if colon and left not in columns:
        if column not in columns:
            raise InputError(f"the file has no column {column!r}{nearest(column, columns)}", where, "--map COLUMN:VALUE=WORD")
        made.words.setdefault(column, {})[word] = name
        return
    _check_field(made.shape, name, "--map")
    if name in made.feeds:
        raise InputError(f"two columns feed {name}: {made.feeds[name].text} and {left}", "--map", "keep one")
    term = Term(left)
    for column in term.columns:
        if column not in columns:
            raise InputError(
                f"the file has no column {column!r}{nearest(column, columns)}",
                where,
                "--map COLUMN=FIELD names the file's column first",
            )
    made.feeds[name] = term


def _check_field(shape: Shape, name: str, option: str) -> None:
    base, dot, entry = name.partition(".")
    if name in shape.fields - shape.maps or (dot and entry and base in shape.maps):
        return
    if base in shape.maps:
        raise InputError(f"{base} is a map: say which entry", option, f"for example {base}.kind")
    raise InputError(f"unknown field {name!r}{nearest(name, shape.fields)}", option, "the right side is one of Roomleft's fields")


def _guess_time(made: FileMapping, free: Sequence[str]) -> None:
    if not made.shape.times or made.shape.times[0] in made.feeds or made.shape.times[0] in made.fixed:
        return
    candidates = [column for column in free if column.lower() in TIME_NAMES]
    if len(candidates) == 1:
        made.feeds[made.shape.times[0]] = Term(candidates[0])


def _target(name: str) -> tuple[str, str]:
    base, _, entry = name.partition(".")
    return base, entry


def _put(record: dict[str, object], name: str, entry: str, value: object) -> None:
    if not entry:
        record[name] = value
        return
    inner = record.setdefault(name, {})
    if isinstance(inner, dict):
        inner[entry] = value


def _converter(shape: Shape, name: str, term: Term, made: FileMapping) -> Callable[[object], object]:
    base, entry = _target(name)
    words = made.words.get(term.text, {})
    if name in shape.times:
        return _remembered(made.times.resolver(term.text))
    if base in shape.numbers or base == "other_units":
        if words:
            return lambda value: _number(words.get(str(value), value))
        return _number
    if base == "status":
        return _remembered(
            lambda value: words[str(value)] if str(value) in words else SAME_STATUS.get(str(value).lower(), _text(value))
        )
    if base in shape.texts or entry:
        return _remembered(lambda value: words.get(str(value)) or _text(value))
    return lambda value: jsonable(value)


def _remembered(convert: Callable[[object], object]) -> Callable[[object], object]:
    """`convert` with the answers to the last cells remembered: columns of names and times repeat themselves."""
    known: dict[object, object] = {}

    def converted(value: object) -> object:
        # Only kinds of which equal values look alike: True == 1 == 1.0 would share an answer.
        if value.__class__ not in REMEMBERED:
            return convert(value)
        found = known.get(value)
        if found is None:
            if len(known) >= REMEMBERED_MOST:
                known.clear()
            found = known[value] = convert(value)
        return found

    return converted


def _text(value: object) -> object:
    """A name out of a cell: whole numbers become text (ids often are), 7.0 becomes 7."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, datetime | date | Decimal):
        return str(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _number(value: object) -> object:
    """A number out of a cell; 8.0, as files hold whole numbers beside empty cells, becomes 8."""
    if value.__class__ is int:
        return value
    number = as_number(value)
    if isinstance(number, float) and number.is_integer() and abs(number) < 2**53:
        return int(number)
    return jsonable(number)


def jsonable(value: object) -> object:
    """A cell as JSON can carry it without loss."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if isinstance(value, datetime | date | Decimal):
        return str(value)
    return value


def _period_ends() -> Callable[[object, object], object]:
    """The function from a period's begin and length in seconds to its end; a begin that is no time comes back as it is."""
    ends: dict[tuple[object, object], object] = {}

    def end(begins: object, seconds: object) -> object:
        if (begins, seconds) not in ends:
            if len(ends) >= REMEMBERED_MOST:
                ends.clear()
            try:
                ends[begins, seconds] = (datetime.fromisoformat(str(begins)) + timedelta(seconds=float(str(seconds)))).isoformat()
            except (ValueError, OverflowError):
                ends[begins, seconds] = begins
        return ends[begins, seconds]

    return end


assert SHAPES["samples"].fields == set(samples_rows.FIELDS)
