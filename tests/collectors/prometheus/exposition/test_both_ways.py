"""The fast way and the strict way say the same: nothing is taken by a reader that has read before which a new one would refuse."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collectors.prometheus.exposition import Format, Page, PageRefused, Reader
from collectors.prometheus.exposition.value_rules import NUMBER, numbers
from tests.collectors.prometheus.exposition.pages import verdict

NUMBERS = st.one_of(
    st.sampled_from(["0", "1", "2", "3", "1.5", "-1", "NaN", "+Inf", "-Inf", "1e999", "0x1", "1_0", "", "x", "1 5", "2 1000", "+nan", "5.", ".5", "١", "1\t"]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(0, 9).map(str),
)  # fmt: skip
TEXT_SHAPES = (
    "a {}\nb {}\n", '# TYPE a gauge\na{{x="1"}} {}\na{{x="2"}} {}\n', '# HELP a words {}\na {}\n', '# TYPE h histogram\nh_bucket{{le="1"}} {}\nh_bucket{{le="+Inf"}} {}\nh_count {}\n',
    'a{{b="c d"}} {}\na{{b="e\\"f"}} {}\n', "a {}\n\n# a comment {}\n", 'a{{b="1"}} {}\na{{b="{}"}} 1\n', '{{"q.r"}} {}\n',
)  # fmt: skip
OPEN_SHAPES = (
    "a {}\nb {}\n# EOF\n", "# TYPE c counter\nc_total {}\nc_created {}\n# EOF\n",
    '# TYPE h histogram\nh_bucket{{le="1"}} {}\nh_bucket{{le="+Inf"}} {}\nh_count {}\nh_sum {}\n# EOF\n',
    '# TYPE g gaugehistogram\ng_bucket{{le="1"}} {}\ng_bucket{{le="+Inf"}} {}\ng_gcount {}\ng_gsum {}\n# EOF\n',
    '# TYPE s stateset\ns{{s="on"}} {}\ns{{s="off"}} {}\n# EOF\n', "# TYPE i info\ni_info {}\n# EOF\n",
    '# TYPE s summary\ns{{quantile="0.5"}} {}\ns_count {}\ns_sum {}\n# EOF\n', '# TYPE c counter\nc_total {} # {{id="x"}} {}\n# EOF\n', "a {} {}\n# EOF\n",
)  # fmt: skip


def filled(shapes: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(shapes).flatmap(
        lambda shape: st.lists(NUMBERS, min_size=shape.count("{}"), max_size=shape.count("{}")).map(
            lambda values: shape.format(*values)
        )
    )


def broken(page: str) -> st.SearchStrategy[str]:
    """The page, or the page with one character gone or another put in."""
    places = st.integers(0, max(0, len(page) - 1))
    put = st.tuples(places, st.sampled_from(list(' {}"#=,\\\n\t1-.eNa_\0'))).map(lambda at: page[: at[0]] + at[1] + page[at[0] :])
    return st.one_of(st.just(page), st.just(page), places.map(lambda at: page[:at] + page[at + 1 :]), put)


TEXT_PAGES = filled(TEXT_SHAPES).flatmap(broken).map(lambda text: (Format.TEXT, text))
OPEN_PAGES = filled(OPEN_SHAPES).flatmap(broken).map(lambda text: (Format.OPENMETRICS, text))


@settings(max_examples=200, deadline=None)
@example([(Format.TEXT, 'a{b="c"} 0\n'), (Format.TEXT, 'a{b="c"} 1\t\n')])
@given(st.lists(st.one_of(TEXT_PAGES, OPEN_PAGES), min_size=2, max_size=6))
def test_a_reader_that_remembers_judges_like_a_new_one(pages: list[tuple[Format, str]]) -> None:
    remembers = Reader()
    for kind, text in pages:
        compare(verdict(text, kind, remembers), verdict(text, kind))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(OPEN_SHAPES[:7]), st.data())
def test_the_fast_way_keeps_every_rule_of_values(shape: str, data: st.DataObject) -> None:
    """The first page is taken, so that the others go the fast way."""
    reader = Reader()
    assert isinstance(verdict(shape.format(*["1"] * 4), Format.OPENMETRICS, reader), Page)
    for _ in range(3):
        text = shape.format(*data.draw(st.lists(NUMBERS, min_size=4, max_size=4)))
        compare(verdict(text, Format.OPENMETRICS, reader), verdict(text, Format.OPENMETRICS))


def compare(fast: Page | PageRefused, strict: Page | PageRefused) -> None:
    assert type(fast) is type(strict)
    if isinstance(fast, PageRefused) or isinstance(strict, PageRefused):
        assert str(fast) == str(strict)
        return
    assert fast.structure.series == strict.structure.series
    assert fast.structure.times_s == strict.structure.times_s
    assert np.array_equal(fast.values, strict.values, equal_nan=True)


def test_the_fast_way_is_taken_where_only_values_change() -> None:
    reader = Reader()
    pages = [verdict(f'# TYPE a gauge\na{{x="1 2"}} {n}\na{{x="3"}} {n / 7}\n', Format.TEXT, reader) for n in range(3)]
    assert len({id(page.structure) for page in pages}) == 1  # type: ignore[union-attr]
    assert [page.values.tolist() for page in pages] == [[n, n / 7] for n in range(3)]  # type: ignore[union-attr]


def test_after_a_refused_page_the_next_good_one_is_read() -> None:
    reader = Reader()
    for text, good in (
        ("a 1\nb 2\n", True),
        ("a 1\nb x\n", False),
        ("a 3\nb 4\n", True),
        ("a 3\n", True),
        ("a 1\nb 2", False),
        ("a 5\n", True),
    ):
        assert isinstance(verdict(text, Format.TEXT, reader), Page) is good, text


def test_what_is_loose_in_one_format_stays_wrong_in_the_other() -> None:
    reader = Reader()
    assert isinstance(verdict('a{ b="c" } 1\n', Format.TEXT, reader), Page)
    assert isinstance(verdict('a{ b="c" } 1\n# EOF\n', Format.OPENMETRICS, reader), PageRefused)


def test_series_that_are_gone_are_forgotten() -> None:
    reader = Reader()
    for turn in range(50):
        verdict("".join(f'a{{pod="{turn}-{n}"}} 1\n' for n in range(20)), Format.TEXT, reader)
    assert len(reader._heads) == 20


@given(
    st.one_of(
        st.integers(0, 2**64 - 1).map(lambda bits: repr(struct.unpack("d", struct.pack("Q", bits))[0])),
        st.text("0123456789+-.eE", max_size=8),
        NUMBERS,
    )
)
def test_a_number_is_what_its_text_says_to_the_last_bit(text: str) -> None:
    good = NUMBER.fullmatch(text) is not None
    try:
        (value,) = numbers([text], [1])
    except PageRefused:
        assert not good or abs(float(text)) == float("inf")
        return
    assert good
    assert value == float(text) or (value != value and float(text) != float(text))


@pytest.mark.parametrize("kind", list(Format))
def test_a_page_of_nothing_may_follow_a_full_one(kind: Format) -> None:
    reader, end = Reader(), "# EOF\n" if kind is Format.OPENMETRICS else ""
    assert len(verdict("a 1\n" + end, kind, reader).values) == 1  # type: ignore[union-attr]
    assert len(verdict(end, kind, reader).values) == 0  # type: ignore[union-attr]
    assert len(verdict("a 1\n" + end, kind, reader).values) == 1  # type: ignore[union-attr]
