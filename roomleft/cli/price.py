"""`price`: what responses used and what that costs, line by line, from a file. Needs no server and stores nothing."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from roomleft.cli.output import err, print_table
from roomleft.clock import Clock
from roomleft.errors import InputError
from roomleft.timespan import parse_instant

if TYPE_CHECKING:
    from collectors.responses import Reading

AT_ONCE = 2_000
PRICE_LISTS = Path(__file__).resolve().parents[2] / "packs" / "prices"
PLATFORM = "price"
"""Nobody's platform: only prices that hold for everyone are asked for."""
NOTES = {"usage_unknown": "usage is not told", "usage_incomplete": "incomplete", "usage_estimated": "estimated"}
TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


@dataclass(slots=True)
class Priced:
    """One line: the usage records of its response with what each costs, or why it is refused."""

    line: int
    records: list[dict[str, Any]] = field(default_factory=list)
    quotes: list[dict[str, Any]] = field(default_factory=list)
    tokens_known: bool = True
    error: str | None = None

    @property
    def cost_usd(self) -> Decimal | None:
        """The response's cost with that of the models it called on; None when any of it has no price."""
        costs = [each["cost_usd"] for each in self.quotes]
        return None if not costs or None in costs else sum(costs, Decimal(0))

    def as_dict(self) -> dict[str, Any]:
        """The line of `--json`."""
        if self.error is not None or not self.quotes:
            return {**dict.fromkeys(("usage", *QUOTED)), "error": self.error}
        usage, quote = shown_usage(self.records[0], self.tokens_known), self.quotes[0]
        told = {"usage": usage, **{name: quote[name] for name in QUOTED}, "error": None}
        if len(self.records) > 1:
            told["cost_usd"] = self.cost_usd
            told["also"] = [
                {"usage": shown_usage(record, True), **{name: quote[name] for name in QUOTED}}
                for record, quote in zip(self.records[1:], self.quotes[1:], strict=True)
            ]
        return told


QUOTED = ("input_usd", "output_usd", "cost_usd", "state", "price_id")


def run_price(file: str, provider: str, at: str | None, as_json: bool) -> int:
    """Print each response's usage and cost. 1 if any line was refused."""
    now = Clock().now()
    asked = _instant(at)
    _known(provider, now)
    hints: dict[str, None] = {}
    refused, priced = 0, list[Priced]()
    lines = _lines(file)
    while chunk := list(islice(lines, AT_ONCE)):
        done = [_read(number, text, provider) for number, text in chunk]
        _quote(done, asked, now)
        refused += sum(each.error is not None for each in done)
        hints |= dict.fromkeys(
            filter(None, (hint_of(*pair) for each in done for pair in zip(each.records, each.quotes, strict=True)))
        )
        if as_json:
            sys.stdout.write("".join(_json(each.as_dict()) for each in done))
        else:
            priced += done
    if not as_json:
        _tell(priced, asked or now)
    for hint in hints:
        err.print(f"hint: {hint}", soft_wrap=True, markup=False)
    return int(refused > 0)


def _known(provider: str, now: datetime) -> None:
    """Raises InputError for a provider that no list of prices and no rule for reading responses has ever heard of."""
    from analytics.catalogue import Catalogue
    from analytics.catalogue_names import NAMES, provider_of
    from collectors.responses import known

    # A server of one's own has no price list.
    names = {each.provider for each in Catalogue(PRICE_LISTS).lists(now)} | NAMES | {"ollama", "vllm"}
    if provider_of(provider) not in names and not known(provider):
        close = get_close_matches(provider.lower(), sorted(names), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"ids are {', '.join(sorted(NAMES))}"
        raise InputError(f"there is no provider {provider[:60]!r}", "--provider", hint)


def hint_of(record: Mapping[str, Any], quote: Mapping[str, Any]) -> str | None:
    """Why a call may have no price: its model is another provider's than the one named. None where that is not so."""
    from collectors.responses import whose

    model = record.get("model")
    if quote["state"] != "unpriced" or not model:
        return None
    owner = whose(model)
    return f"model {model} is {owner}'s: --provider {owner}" if owner and owner != record["provider"] else None


def _instant(at: str | None) -> datetime | None:
    if at is None:
        return None
    try:
        return parse_instant(f"{at}T00:00:00Z" if len(at) == 10 else at)
    except InputError as error:
        raise InputError(
            error.what, "--at", "a day such as 2026-03-01 (its first instant, UTC), or 2026-03-01T12:00:00Z"
        ) from None


def _lines(name: str) -> Iterator[tuple[int, str]]:
    """(number, text) of the lines that hold something. A file that is one stream, or one document over several lines, is one line."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        if name.endswith(".gz"):
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"the file cannot be read: {words}", name, "name a file with one response a line, or - for standard input"
        ) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"the file is not UTF-8: {error.reason} at byte {error.start:,}", name, "save it as UTF-8") from None
    whole = text.lstrip()
    if whole.startswith(("data:", "event:", ": ")) or (whole.startswith(("{\n", "{\r", "[\n", "[\r")) and _is_json(whole)):
        yield 1, whole
        return
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        if line.strip():
            yield number, line


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _read(number: int, text: str, provider: str) -> Priced:
    from collectors.records.fields import Refusal
    from collectors.responses import read_response

    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not text.startswith(("data:", "event:", ": ")):
            return Priced(number, error=f"line {number}: it is not JSON ({error}); write one response a line")
        value = text
    try:
        reading: Reading = read_response(value, provider=provider)
    except Refusal as refusal:
        return Priced(number, error=_words(number, refusal.field, refusal.reason))
    return Priced(number, list(reading.records), tokens_known=reading.tokens_known)


def _words(number: int, field_name: str | None, reason: str) -> str:
    return f"line {number}: {field_name} {reason}" if field_name else f"line {number}: {reason}"


def _quote(lines: Sequence[Priced], at: datetime | None, now: datetime) -> None:
    """Price what was read; a record that the usage door refuses has its reason as the line's error."""
    from analytics.catalogue import Catalogue
    from analytics.quote import quote
    from collectors.records.usage_rows import usage_table

    records, owners = [], dict[str, tuple[Priced, int]]()
    for line in lines:
        for place, record in enumerate(line.records):
            name = f"{line.line}.{place}"
            instant = at or record.get("occurred_at") or now
            records.append({**record, "id": name, "occurred_at": min(instant, now) if at is None else instant})
            owners[name] = (line, place)
        line.quotes = [_no_quote() for _ in line.records]
    if not records:
        return
    latest = max(now, *(record["occurred_at"] for record in records)) + timedelta(minutes=1)
    wire = [{**record, "occurred_at": record["occurred_at"].isoformat()} for record in records]
    normalised = usage_table(wire, source="price", platform=PLATFORM, known_platforms=(PLATFORM,), now=latest)
    for row in normalised.rejected.to_pylist():
        line, _ = owners[wire[row["line"] - 1]["id"]]
        line.error = _words(line.line, None, row["reason"])
    for name, told in zip(
        normalised.rows.column("event_id").to_pylist(), quote(normalised.rows, Catalogue(PRICE_LISTS), latest), strict=True
    ):
        line, place = owners[name]
        if told.reason is not None:
            line.error = _words(line.line, None, told.reason)
        elif line.tokens_known or "reported_cost_usd" in line.records[place]:
            line.quotes[place] = _asked({each: getattr(told, each) for each in QUOTED})


def _no_quote() -> dict[str, Any]:
    """What nobody knows the tokens of has no cost, and no zero either."""
    return {**dict.fromkeys(QUOTED), "state": "unpriced"}


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    """A quote as it is told: of what has no price at all the cost is not zero, it is not known."""
    if told["state"] == "unpriced" and not told["cost_usd"]:
        return {**told, **dict.fromkeys(("input_usd", "output_usd", "cost_usd"))}
    return told


def shown_usage(record: Mapping[str, Any], tokens_known: bool) -> dict[str, Any]:
    """A usage record as it is printed: tokens that nobody told are null."""
    told = {name: value for name, value in record.items() if name != "id"}
    if "occurred_at" in told:
        told["occurred_at"] = told["occurred_at"].isoformat().replace("+00:00", "Z")
    if not tokens_known:
        told |= dict.fromkeys(TOKENS)
    return told


def _json(value: object) -> str:
    return json.dumps(value, default=lambda each: format(each, "f"), ensure_ascii=False, allow_nan=False) + "\n"


def _tell(lines: Iterable[Priced], at: datetime) -> None:
    """A table for people, its total, and beside it what has no price."""
    rows, total, unpriced, tokens, unknown = [], Decimal(0), 0, 0, 0
    for line in lines:
        if line.error is not None:
            err.print(f"error: {line.error}", soft_wrap=True, markup=False)
            continue
        for place, (record, quote) in enumerate(zip(line.records, line.quotes, strict=True)):
            known = line.tokens_known or place > 0
            cost = quote["cost_usd"]
            total += cost or Decimal(0)
            if quote["state"] == "unpriced":
                unpriced += 1
                unknown += not known
                tokens += record["input_tokens"] + record["output_tokens"]
            rows.append(_cells(line.line, record, quote, known))
    heads = ("line", "model", "input", "cached", "output", "other", "cost_usd", "state", "")
    print_table(heads, rows, right=("line", "input", "cached", "output", "cost_usd"))
    words = f"{len(rows):,} response{'' if len(rows) == 1 else 's'}, {_plain(total)} US dollars at prices of {at.isoformat(timespec='minutes').replace('+00:00', 'Z')}"
    if unpriced:
        untold = f", and {unknown:,} whose usage is not told" if unknown else ""
        words += f"; {unpriced:,} without a price ({tokens:,} tokens{untold}): the sum is a lower bound"
    err.print(words, soft_wrap=True)


def _cells(line: int, record: Mapping[str, Any], quote: Mapping[str, Any], known: bool) -> tuple[str, ...]:
    units = {
        **record.get("other_units", {}),
        **{name: record[name] for name in ("images", "characters", "audio_seconds") if name in record},
    }
    attributes = record.get("attributes", {})
    return (
        str(line),
        record.get("model") or "",
        f"{record['input_tokens']:,}" if known else "?",
        f"{record['cache_read_tokens'] + record['cache_write_tokens']:,}" if known else "?",
        f"{record['output_tokens']:,}" if known else "?",
        ", ".join(f"{name} {value:,}" for name, value in units.items()),
        _plain(quote["cost_usd"]) if quote["cost_usd"] is not None else "",
        quote["state"] if record["status"] == "ok" else f"{quote['state']}, call failed",
        ", ".join(filter(None, (*(words for name, words in NOTES.items() if name in attributes), hint_of(record, quote)))),
    )


def _plain(amount: Decimal) -> str:
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
