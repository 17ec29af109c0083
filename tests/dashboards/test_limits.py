"""Limits as rows, words and bars."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.urgency import by_urgency
from dashboards import limit_words, wording
from dashboards.components.headroom_bar import LIMIT_AT, pieces
from dashboards.components.limit_sort import sort_values
from dashboards.limit_rows import STALE_AFTER, LimitRow, kept, limit_rows, sorted_by
from roomleft.limits import Kind, State
from roomleft.timespan import Period, Window
from tests.dashboards.sample_rows import NOW, SAMPLES, headroom_row

ZONE = ZoneInfo("UTC")
LIMITS = [sample.limit for sample in SAMPLES]


@pytest.fixture(scope="module")
def rows() -> list[LimitRow]:
    return limit_rows([headroom_row(sample) for sample in SAMPLES], LIMITS, NOW)


@pytest.mark.parametrize("by_chance", [True, False], ids=["chance", "pace"])
def test_a_column_is_sorted_by_what_it_says(rows: list[LimitRow], by_chance: bool) -> None:
    base = rows[0]

    def row(state: State, chance: float | None, pace: float | None) -> LimitRow:
        return replace(base, headroom=replace(base.headroom, state=state, p_breach=chance, burn_rate=pace))

    every = [
        row(State.EXHAUSTED, None, 1.2), row(State.TIGHT, 0.99, 0.4), row(State.OK, 0.02, 9.0), row(State.OK, None, 3.5), row(State.UNKNOWN, 0.7, 2.0),
        row(State.OK, None, None),
    ]  # fmt: skip
    said = [limit_words.chance(each) if by_chance else limit_words.pace(each) for each in every]
    values = [sort_values(each, by_chance=by_chance)["c-pace"] for each in every]
    assert [value == "" for value in values] == [words == limit_words.DASH for words in said]
    known = sorted((float(value), words) for value, words in zip(values, said, strict=True) if value)
    assert [words for _, words in reversed(known)] == (
        ["out", f"99{wording.THIN}%", f"2{wording.THIN}%"] if by_chance else ["9.0×", "3.5×", "1.2×", "0.4×"]
    )


def named(rows: list[LimitRow], limit_id: str) -> LimitRow:
    return next(row for row in rows if row.key == limit_id)


def test_worst_come_first(rows: list[LimitRow]) -> None:
    states = [row.state for row in rows]
    assert states == sorted(states, key=["exhausted", "tight", "unknown", "ok"].index)
    # Within a state the order is that of the verdict and the reports.
    for state in (State.EXHAUSTED, State.TIGHT):
        urgent = by_urgency([(row.headroom, row.limit) for row in reversed(rows) if row.state is state], NOW)
        assert [row.key for row in rows if row.state is state][: len(urgent)] == [limit.limit_id for _, limit in urgent]


def test_a_limit_without_a_row_is_unknown_not_ok() -> None:
    (row,) = limit_rows([], LIMITS[:1], NOW)
    assert row.state is State.UNKNOWN
    assert limit_words.runs_out(row, NOW, ZONE).plain() == "no date not measured yet"


def test_a_row_too_old_to_believe_is_unknown() -> None:
    late = NOW + STALE_AFTER + timedelta(seconds=1)
    (row,) = limit_rows([headroom_row(SAMPLES[1])], [LIMITS[1]], late)
    assert row.state is State.UNKNOWN
    assert "it was tight" in row.headroom.reason


def test_a_clock_that_runs_fast_leaves_a_row_longer_to_be_measured_again() -> None:
    late = NOW + STALE_AFTER + timedelta(minutes=20)
    (row,) = limit_rows([headroom_row(SAMPLES[1])], [LIMITS[1]], late, slack=timedelta(minutes=30))
    assert row.headroom.state is limit_rows([headroom_row(SAMPLES[1])], [LIMITS[1]], NOW)[0].headroom.state


def test_a_row_of_a_limit_no_longer_in_a_pack_is_left_out() -> None:
    assert limit_rows([headroom_row(SAMPLES[0])], [], NOW) == []


@pytest.mark.parametrize(
    ("limit_id", "left", "out"),
    [
        ("creator.availability", "\u221221.8\u202fs of 259.2\u202fs", "ran out yesterday 02:24"),
        ("arena.worlds_us", "398 of 5,010", "24\u00a0Nov 22–27\u00a0Nov"),
        ("tabletop.api_share", "≤\u202f$10,801 of $54,720", "27\u00a0Nov 25–30\u00a0Nov"),
        ("scribe.api_p95", "28.4\u202f% of budget", "30\u00a0Nov 27\u00a0Nov–6\u00a0Dec"),
        ("scribe.free_images", "126 of 1,000", "today 19:12 16:48–22:48"),
        ("scribe.pool", "unknown of 80", "no date exporter silent since 11:46; last reading 31 of 80"),
        ("scribe.cache_hits", "3.4\u202fpts above 90\u202f%", "not at this pace"),
        ("arena.month", "$2,353 of $7,842", "after 30\u00a0Nov resets 1\u00a0Dec"),
        ("coach.screenshots", "63.3\u202fGB of 96\u202fGB", "not before 12\u00a0Feb 2027"),
    ],
)
def test_a_row_in_words(rows: list[LimitRow], limit_id: str, left: str, out: str) -> None:
    row = named(rows, limit_id)
    assert limit_words.left(row).plain() == left
    assert limit_words.runs_out(row, NOW, ZONE).plain() == out


def test_a_limit_without_grounds_for_a_date_says_why(rows: list[LimitRow]) -> None:
    row = named(rows, "scribe.cache_hits")
    row = LimitRow(row.limit, replace(row.headroom, basis="2 of 3 days needed"))
    assert limit_words.runs_out(row, NOW, ZONE).plain() == "no date 2 of 3 days needed"


def test_next_steps_carry_their_price(rows: list[LimitRow]) -> None:
    said = {
        key: limit_words.next_step(named(rows, key).limit.next_step).plain()
        for key in ("arena.worlds_us", "tabletop.api_share", "scribe.pool", "arena.month")
    }
    assert said == {
        "arena.worlds_us": "+$99/mo 1 deployment",
        "tabletop.api_share": "\u2212$6.1k/mo cache + batch",
        "scribe.pool": "$0 grant pg_monitor",
        "arena.month": "–",
    }


def test_a_floor_fills_as_its_reading_falls(rows: list[LimitRow]) -> None:
    assert named(rows, "scribe.cache_hits").used_share == pytest.approx(90 / 93.4)


def test_the_fan_of_a_stock_looks_thirty_days_ahead(rows: list[LimitRow]) -> None:
    low, middle, high = named(rows, "coach.daily_users").fan() or (0, 0, 0)
    used = 861 / 1000
    assert middle == pytest.approx(used + (1 - used) * 30 / 65)
    assert low < middle < high


def test_a_rolling_window_and_an_unknown_limit_have_no_fan(rows: list[LimitRow]) -> None:
    assert named(rows, "scribe.api_p95").fan() is None
    assert named(rows, "coach.gpu_memory").fan() is None


def test_filters_and_orders(rows: list[LimitRow]) -> None:
    assert {row.limit.platform for row in kept(rows, platform="arena")} == {"arena"}
    assert len(kept(rows, state="tight", kind="capacity")) == 2
    assert [row.key for row in kept(rows, words="CONVEX")] == ["arena.pool_eu"]
    soonest = sorted_by(rows, "runs-out")
    assert soonest[0].key == "creator.availability"
    assert soonest[-1].headroom.exhausts_p50 is None
    assert sorted_by(rows, "nonsense") == rows


shares = st.floats(0, 3, allow_nan=False)


@given(used=shares, fan=st.none() | st.tuples(shares, shares, shares).map(lambda each: tuple(sorted(each))))
def test_a_bar_never_leaves_its_box(used: float, fan: tuple[float, float, float] | None) -> None:
    drawn = pieces(used, fan)
    assert all(0 <= piece.start < piece.end <= 100 for piece in drawn)
    assert all(a.end == pytest.approx(b.start, abs=0.06) for a, b in itertools.pairwise(drawn))
    assert all(piece.beyond == (piece.start >= LIMIT_AT) for piece in drawn if piece.opacity_start < 1)


def test_a_bar_changes_colour_at_the_limit() -> None:
    drawn = pieces(0.9, (0.95, 1.05, 1.2))
    assert [(piece.start, piece.end, piece.beyond) for piece in drawn] == [
        (0, 72, False),
        (72, 76, False),
        (76, 80, False),
        (80, 96, True),
    ]


def test_the_bar_says_itself(rows: list[LimitRow]) -> None:
    assert limit_words.bar(named(rows, "tabletop.realtime"), NOW, ZONE) == (
        "Realtime connections: 81\u202f% used, 1,880 of 10,000 left, tight, assumed limit; 5\u00a0Jan 9\u00a0Dec–28\u00a0Feb"
    )


def test_an_amount_for_each_of_something_says_how_it_came_about(rows: list[LimitRow]) -> None:
    row = named(rows, "arena.month")
    each = replace(row.limit, amount=Decimal(2), amount_per="active_users")
    budget = LimitRow(each, replace(row.headroom, amount=Decimal(5024)))
    assert limit_words.amount_made_of(budget) == "$2.00 × 2,512 active users"
    errors = replace(each, kind=Kind.SLO, amount=Decimal("0.001"), amount_per="api_requests")
    assert (
        limit_words.amount_made_of(LimitRow(errors, replace(row.headroom, amount=Decimal("1200"))))
        == "0.1\u202f% of 1,200,000 api requests"
    )
    assert limit_words.amount_made_of(row) == ""


def test_since_when_a_limit_has_been_so(rows: list[LimitRow]) -> None:
    stored = [headroom_row(sample) for sample in SAMPLES]
    begun = {"arena.worlds_us": NOW - timedelta(hours=3), "coach.build": NOW - timedelta(hours=3)}
    found = {row.key: row for row in limit_rows(stored, LIMITS, NOW, begun=begun)}
    assert limit_words.state_since(found["arena.worlds_us"], NOW, ZONE) == "tight since 09:00"
    assert found["coach.build"].since is None, "what is ok has no since"
    old = limit_rows(stored, LIMITS, NOW + timedelta(minutes=10), begun=begun)
    assert {row.since for row in old if row.state is State.UNKNOWN and row.key == "arena.worlds_us"} == {NOW}


def test_dates_of_a_row_have_their_year_and_their_zone(rows: list[LimitRow]) -> None:
    row = named(rows, "arena.month")
    far = replace(row.headroom, exhausts_p10=datetime(2027, 2, 12, tzinfo=ZONE), exhausts_p50=None)
    said = limit_words.runs_out(LimitRow(row.limit, far), NOW, ZONE).plain()
    assert said == "not before 12\u00a0Feb 2027 and only if it speeds up"
    further = replace(far, exhausts_p10=datetime(2027, 7, 12, tzinfo=ZONE), exhausts_p50=datetime(2027, 9, 1, tzinfo=ZONE))
    assert limit_words.runs_out(LimitRow(row.limit, further), NOW, ZONE).plain() == "not in 90\u202fd"
    kolkata = replace(row.limit, window=Window(Period.MONTH, ZoneInfo("Asia/Kolkata")))
    end = datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
    quiet = replace(row.headroom, window_end=end, exhausts_p10=None, exhausts_p50=None)
    assert limit_words.runs_out(LimitRow(kolkata, quiet), NOW, ZONE).plain() == "after 30\u00a0Nov resets 1\u00a0Dec"
    soon = end - timedelta(hours=6)
    assert limit_words.runs_out(LimitRow(kolkata, quiet), soon, ZONE).plain() == "not in this period resets tomorrow 00:00 IST"


@pytest.mark.parametrize(("floor", "words"), [(False, "out since 09:00 refills 1\u00a0Dec"), (True, "below since 09:00")])
def test_what_is_out_says_since_when(rows: list[LimitRow], floor: bool, words: str) -> None:
    row = named(rows, "scribe.cache_hits" if floor else "arena.month")
    gone = LimitRow(row.limit, replace(row.headroom, state=State.EXHAUSTED, exhausts_p50=None), NOW - timedelta(hours=3))
    assert limit_words.runs_out(gone, NOW, ZONE).plain() == words
