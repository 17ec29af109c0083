"""Pages in the Prometheus text format: what it lets pass, and what would make a series or its type ambiguous."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from collectors.prometheus.exposition import Format, PageRefused, TooManySeries, format_of, read_page
from tests.collectors.prometheus.exposition.pages import taken, verdict

GOOD = {
    "nothing": ("", {}),
    "comments and blank lines": ("# hello\n\n#\n   \n# HELPER x\na 1\n", {"a": 1}),
    "loose blanks": ('  a  {  b = "c" , d="e",  }   1  \n\tb\t2\n', {'a{b="c",d="e"}': 1, "b": 2}),
    "no blank before the value": ('a{b="c"}1\n', {'a{b="c"}': 1}),
    "a family in two places": ('a{x="1"} 1\nb 1\na{x="2"} 1\n', {'a{x="1"}': 1, "b": 1, 'a{x="2"}': 1}),
    "a negative counter, as exporters write them": ("# TYPE a counter\na -1\n", {"a": -1}),
    "a time in milliseconds": ("a 1 1395066363000\nb 2 -5\n", {"a": 1, "b": 2}),
    "the same series at two times": ("a 1 1000\na 2 2000\n", {"a": 2}),
    "an end mark is a comment": ("a 1\n# EOF\nb 2\n", {"a": 1, "b": 2}),
    "escapes": ('a{b="C:\\\\d\\"e\\"\\nf\\q"} 1\n', {'a{b="C:\\d"e"\nf\\q"}': 1}),
    "quoted names": ('# TYPE "x.y" gauge\n{"x.y", "a b"="c"} 1\n', {'x.y{a b="c"}': 1}),
    "help after samples": ("a 1\n# HELP a x\n", {"a": 1}),
    "help without text": ("# HELP a\na 1\n", {"a": 1}),
    "histogram without order": ('# TYPE a histogram\na_count 1\na_bucket{le="+Inf"} 1\na_sum 1\n', {"a_count": 1, 'a_bucket{le="+Inf"}': 1, "a_sum": 1}),
}  # fmt: skip
BAD = {
    "no final newline": ("a 1\nb 2", 2, "cut short"),
    "cut in a name": ("a 1\nb", 2, "cut short"),
    "cut in a label": ('a{b="c', 1, "cut short"),
    "not metrics at all": ("<html><body>hello</body></html>\n", 1, "begins with no metric name"),
    "JSON": ('{"a": 1}\n', 1, "after label 'a'"),
    "no value": ("a\n", 1, "no value"),
    "no value, with labels": ('a{b="c"}\n', 1, "no value"),
    "a bad value": ("a 1\nb two\n", 2, "is not a number"),
    "a bad value after good ones in the same way": ('a{x="1"} 1\na{x="2"} 1,5\n', 2, "is not a number"),
    "a fraction of a millisecond": ("a 1 2.5\n", 1, "not a timestamp"),
    "a time past every clock": ("a 1 99999999999999999999\n", 1, "not a timestamp"),
    "windows line ends": ("a 1\r\n", 1, "is not a number"),
    "the same series twice": ("a 1\nb 1\na 2\n", 3, "there twice"),
    "the same series twice in another order": ('a{b="1",c="2"} 1\na{c="2",b="1"} 1\n', 2, "there twice"),
    "the same series and time twice": ("a 1 1000\na 2 1000\n", 2, "there twice"),
    "the same series with a time and without": ("a 1 1000\na 2\n", 2, "there twice"),
    "type after samples": ("a 1\n# TYPE a gauge\n", 2, "after its samples"),
    "type after samples of its suffix": ('a_bucket{le="1"} 1\n# TYPE a histogram\n', 2, "after its samples"),
    "type twice": ("# TYPE a gauge\n# TYPE a counter\n", 2, "second TYPE"),
    "help twice": ("# HELP a x\n# HELP a y\n", 2, "second HELP"),
    "unknown type": ("# TYPE a gouge\n", 1, "is not a type"),
    "type of nothing": ("# TYPE a\n", 1, "is not a type"),
    "metadata of a bad name": ("# TYPE 1a gauge\n", 1, "names no metric"),
    "label twice": ('a{b="1",b="2"} 1\n', 1, "given twice"),
    "bound that is no number": ('# TYPE a histogram\na_bucket{le="lots"} 1\n', 2, "is not a number"),
    "quantile that is no number": ('# TYPE a summary\na{quantile="half"} 1\n', 2, "is not a number"),
    "exemplar, which only OpenMetrics has": ('a_total 1 # {id="x"} 1\n', 1, "not a value"),
    "NUL": ("a 1\nb\0 2\n", 2, "NUL"),
    "not UTF-8": (b'a 1\n\nb{c="\xc3\x28"} 1\n', 3, "not UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "values"), GOOD.values(), ids=GOOD)
def test_page_is_taken(text: str, values: dict[str, float]) -> None:
    assert taken(text, Format.TEXT) == values


@pytest.mark.parametrize(("text", "line", "reason"), BAD.values(), ids=BAD)
def test_page_is_refused_with_its_line(text: str | bytes, line: int, reason: str) -> None:
    refused = verdict(text, Format.TEXT)
    assert isinstance(refused, PageRefused)
    assert (refused.line, reason in refused.reason) == (line, True), str(refused)


def test_families_are_known_by_their_metadata() -> None:
    text = '# TYPE h histogram\n# HELP h How long\\nit took\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n# TYPE s summary\ns{quantile="1"} 1\ns_count 1\nu 1\n'
    families = read_page(text.encode(), Format.TEXT).structure.families
    assert [(family.name, family.type, family.samples) for family in families] == [("h", "histogram", 3), ("s", "summary", 2), ("u", "unknown", 1)]  # fmt: skip
    assert families[0].help == "How long\nit took"


NO_METADATA = "prometheus__alltypes.237mfs.nometa.prom.txt.gz"


def test_recorded_pages_hold_what_the_official_parser_counts(shared_data: Path) -> None:
    folder = shared_data / "prometheus" / "exposition"
    for name, expected in json.loads((folder / "expected_counts.json").read_text()).items():
        body = (folder / name).read_bytes()
        page = read_page(
            gzip.decompress(body) if name.endswith(".gz") else body, Format.OPENMETRICS if ".om." in name else Format.TEXT
        )
        families = page.structure.families
        assert len(page.values) == expected["samples"], name
        if name == NO_METADATA:
            # Without metadata the official parser calls every sample line a family of its own, so it counts lines; samples of one name
            # are one family here, as they are in Prometheus.
            assert expected["families"] == expected["samples"]
            assert len(families) == len({series for series, _ in page.structure.series}) == 291
            continue
        assert len(families) == expected["families"], name
        assert Counter(family.type for family in families) == expected["by_type"], name


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (None, Format.TEXT), ("", Format.TEXT), ("text/plain", Format.TEXT), ("text/plain; version=0.0.4; charset=utf-8", Format.TEXT),
        ("TEXT/PLAIN;version=1.0.0;escaping=allow-utf-8", Format.TEXT), ("text/plain; charset=UTF-8", Format.TEXT),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", Format.OPENMETRICS), ("application/openmetrics-text", Format.OPENMETRICS),
    ],
)  # fmt: skip
def test_the_content_type_decides(content_type: str | None, kind: Format) -> None:
    assert format_of(content_type) is kind


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        ("text/html; charset=utf-8", "no metrics format"), ("application/json", "no metrics format"), ("application/vnd.google.protobuf", "no metrics format"),
        ("text/plain; version=9", "version '9'"), ("application/openmetrics-text; version=2.0.0", "version '2.0.0'"),
        ("text/plain; charset=utf-16", "UTF-8"), ("garbage", "no metrics format"),
    ],
)  # fmt: skip
def test_another_content_type_is_refused_in_words(content_type: str, reason: str) -> None:
    with pytest.raises(PageRefused) as refused:
        format_of(content_type)
    assert reason in str(refused.value)


def test_too_many_series_name_the_label_that_exploded() -> None:
    lines = [f'calls{{method="GET",user="u{n}"}} 1' for n in range(50)] + [f'other{{x="{n}"}} 1' for n in range(10)]
    with pytest.raises(TooManySeries) as refused:
        read_page(("\n".join(lines) + "\n").encode(), Format.TEXT, max_samples=40)
    assert (refused.value.samples, refused.value.label) == (60, "user")
    assert "60 samples" in str(refused.value)
    assert "label 'user' of calls" in str(refused.value)
    assert len(read_page(("\n".join(lines) + "\n").encode(), Format.TEXT, max_samples=60).values) == 60
