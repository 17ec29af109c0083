"""Numbers, dates and ages as UI words them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dashboards import wording
from dashboards.wording import THIN
from roomleft.packs_fields import UNITS

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (Decimal("10801.37"), "usd", "$10,801"),
        (Decimal("2"), "usd", "$2.00"),
        (Decimal("-21.5"), "usd", "\u2212$21.50"),
        (Decimal("0.0039"), "usd", "$0.0039"),
        (Decimal("0.000001"), "usd", f"<{THIN}$0.0001"),
        (Decimal("1234567"), "usd", f"$1.23{THIN}M"),
        (Decimal("0.69"), "usd_per_user", "$0.69"),
        (Decimal("0.284"), "ratio", f"28.4{THIN}%"),
        (Decimal("90"), "percent", f"90{THIN}%"),
        (Decimal("-21.8"), "seconds", f"\u221221.8{THIN}s"),
        (Decimal("0.184"), "seconds", f"184{THIN}ms"),
        (Decimal("131"), "ms", f"131{THIN}ms"),
        (Decimal("63300000000"), "bytes", f"63.3{THIN}GB"),
        (Decimal("48"), "gb", f"48{THIN}GB"),
        (Decimal("1487"), "worlds", "1,487"),
        (Decimal("836000"), "characters", f"836{THIN}k"),
        (Decimal("2000000"), "characters", f"2{THIN}M"),
        (Decimal("0.9098"), "gb", f"0.91{THIN}GB"),
        (Decimal("-0.2615"), "fps", f"\u22120.26{THIN}fps"),
        (Decimal("0"), "images", "0"),
        (Decimal("-0.000001"), "images", "0"),
    ],
)
def test_amounts_carry_their_unit(value: Decimal, unit: str, words: str) -> None:
    assert wording.amount(value, unit) == words


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.0, f"<{THIN}1{THIN}%"), (0.004, f"<{THIN}1{THIN}%"), (0.42, f"42{THIN}%"), (1.0, f">{THIN}99{THIN}%")],
)
def test_a_chance_is_never_0_or_100(probability: float, words: str) -> None:
    assert wording.chance(probability) == words


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (11.2, "today 23:12"),
        (13, "tomorrow 01:00"),
        (-13, "yesterday 23:00"),
        (96, "24\u00a0Nov"),
        (24 * 50, "9\u00a0Jan"),
        (24 * 400, "25\u00a0Dec 2027"),
    ],
)
def test_dates_are_near_words_far_days(hours: float, words: str) -> None:
    assert wording.when(NOW + timedelta(hours=hours), NOW, ZONE) == words


def test_a_date_is_the_readers_day() -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert wording.day(late, NOW, ZONE) == "24\u00a0Nov"
    assert wording.day(late, NOW, BERLIN) == "25\u00a0Nov"


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [(2, 7, "22–27\u00a0Nov"), (7, 16, "27\u00a0Nov–6\u00a0Dec"), (5, 5.1, "25\u00a0Nov"), (0.2, 0.3, "16:48–19:12")],
)
def test_ranges_share_their_month(first: float, last: float, words: str) -> None:
    assert wording.day_range(NOW + timedelta(days=first), NOW + timedelta(days=last), NOW, ZONE) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [(8, f"8{THIN}s"), (840, f"14{THIN}min"), (-5, f"0{THIN}s"), (7200, f"2{THIN}h"), (86_400 * 3, f"3{THIN}d")],
)
def test_ages(span: float, words: str) -> None:
    assert wording.age(timedelta(seconds=span)) == words


def test_a_zone_shows_its_offset_now() -> None:
    assert wording.zone_name(ZONE, NOW) == "UTC"
    assert wording.zone_name(BERLIN, NOW) == "UTC+1 Berlin"
    assert wording.zone_name(BERLIN, datetime(2026, 7, 1, tzinfo=UTC)) == "UTC+2 Berlin"
    assert wording.zone_name(ZoneInfo("Asia/Kolkata"), NOW) == "UTC+5:30 Kolkata"


@pytest.mark.parametrize("unit", sorted(UNITS))
@pytest.mark.parametrize("value", [0, 1, 0.5, 42, 2512, 5010000, -3])
def test_every_unit_of_packs_reads_as_people_write_it(unit: str, value: float) -> None:
    words = wording.with_unit(value, unit)
    assert "_" not in words
    assert words == words.strip()
    assert "nan" not in words.lower()
    assert words.lstrip("\u2212<$\u202f")[:1].isdigit(), words
    assert wording.unit_title(unit)
    assert "_" not in wording.unit_title(unit)


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(1, "gpus", "1 GPU"), (3, "gpus", "3 GPUs"), (1, "queries", "1 query"), (1, "series", "1 series"), (2.5, "usd_per_user", "$2.50 a user"),
     (3, "usd_per_mtok", "$3.00 a million tokens"), (1_800_000, "bytes_per_second", "1.8\u202fMB/s"), (12, "operations_per_second", "12\u202f/s"),
     (184, "ms", "184\u202fms"), (99.9, "percent", "99.9\u202f%"), (0.002, "usd_per_token", "$0.002 a token"), (18, "months", "18 months")],
)  # fmt: skip
def test_values_carry_what_their_unit_says(value: float, unit: str, words: str) -> None:
    assert wording.with_unit(value, unit) == words


@pytest.mark.parametrize(
    ("ratio", "words"), [(1, "100\u202f%"), (0.99996, "99.996\u202f%"), (0.9999999, "99.999\u202f%"), (0.9994, "99.9\u202f%")]
)
def test_what_is_not_whole_is_not_rounded_to_it(ratio: float, words: str) -> None:
    assert wording.percent(ratio) == words


@pytest.mark.parametrize(("ms", "words"), [(0.84, "0.8\u202fms"), (4712.4, "4,712\u202fms"), (12_400, "12.4\u202fs")])
def test_latencies_can_be_told_apart(ms: float, words: str) -> None:
    assert wording.latency(ms) == words
