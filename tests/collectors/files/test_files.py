"""Files: every public trace loads with the totals its own bytes add up to, twice adds nothing, and a wrong option is refused in words."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from collectors.files.importer import ImportPlan, import_file
from roomleft.clock import FixedClock
from roomleft.errors import InputError
from warehouse.store import Store, as_rows
from warehouse.writer import Batch, Writer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AZURE = {
    "maps": "context_tokens=input_tokens,generated_tokens=output_tokens,timestamp=occurred_at",
    "sets": "provider=azure,model=gpt-4",
}
GENTD = (
    "gmt_create=occurred_at,predict_status=status,exec_time_seconds*1000=latency_ms,group_id=user_id,num_images_per_prompt=images,"
    "checkpoint_model_version_id=model,predict_type=request_type"
)
TOTALS = """
SELECT count(*)::BIGINT AS rows, sum(requests)::BIGINT AS requests, sum(input_uncached_tokens + cache_read_tokens)::BIGINT AS input,
    sum(cache_read_tokens)::BIGINT AS cached, sum(output_tokens)::BIGINT AS output, sum(images)::BIGINT AS images,
    count(*) FILTER (status = 'error')::BIGINT AS failed, sum(latency_ms) AS latency_ms, count(DISTINCT user_id)::BIGINT AS people
FROM ai_usage
"""


@pytest.fixture
def warehouse() -> Iterator[tuple[Store, Writer]]:
    clock = FixedClock(NOW)
    store = Store.open("duckdb:///:memory:", now=clock)
    writer = Writer(store, clock, group_ms=1)
    writer.start()
    yield store, writer
    writer.close()
    store.close()


def plan(path: Path, as_: str = "usage", **options: Any) -> ImportPlan:
    return import_file(path, as_, known_platforms={"arena", "scribe"}, now=NOW, **{"platform": "arena", **options})


def load(writer: Writer, made: ImportPlan) -> tuple[int, int, int]:
    """(added, duplicate, refused), and the invariant that every row read is one of them."""
    added = duplicate = refused = 0
    for batch in made.batches():
        receipt = writer.write(Batch(made.source, **{made.as_: batch.rows}, rejected=batch.rejected))  # type: ignore[arg-type]
        added, duplicate = added + receipt.added, duplicate + receipt.duplicate
        refused += batch.rejected.num_rows
    assert made.rows_read == added + duplicate + refused
    assert made.rows_rejected == refused
    return added, duplicate, refused


def totals(store: Store) -> dict[str, Any]:
    return store.select(TOTALS).to_pylist()[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["code", "conv"])
def test_azure_llm_2023(warehouse: tuple[Store, Writer], shared_data: Path, name: str) -> None:
    store, writer = warehouse
    path = shared_data / "azure_llm_2023" / f"{name}.parquet"
    whole = pd.read_parquet(path)
    assert load(writer, plan(path, zone="UTC", **AZURE)) == (len(whole), 0, 0)
    assert load(writer, plan(path, zone="UTC", **AZURE)) == (0, len(whole), 0)
    found = totals(store)
    assert (found["rows"], found["input"], found["output"]) == (
        len(whole),
        whole.context_tokens.sum(),
        whole.generated_tokens.sum(),
    )
    first = store.select("SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM ai_usage").to_pylist()[0]
    assert first["first"] == whole.timestamp.min().tz_localize("UTC")
    assert first["last"] == whole.timestamp.max().tz_localize("UTC")


def test_ragpulse_times_count_from_the_start(warehouse: tuple[Store, Writer], shared_data: Path) -> None:
    store, writer = warehouse
    path = shared_data / "ragpulse" / "requests.parquet"
    whole = pd.read_parquet(path)
    options = {"maps": "timestamp_s=occurred_at,session_id=attributes.session", "start": "2026-11-01T00:00:00Z"}
    assert load(writer, plan(path, **options)) == (len(whole), 0, 0)
    assert load(writer, plan(path, **options)) == (0, len(whole), 0)
    found = totals(store)
    assert (found["input"], found["output"]) == (whole.input_tokens.sum(), whole.output_tokens.sum())
    last = store.select(
        "SELECT max(occurred_at) AS last, count(DISTINCT attributes['session']) AS sessions FROM ai_usage"
    ).to_pylist()[0]
    assert last["last"] == datetime(2026, 11, 1, tzinfo=UTC) + pd.Timedelta(seconds=int(whole.timestamp_s.max()))
    assert last["sessions"] == whole.session_id.nunique()


def test_mooncake_prefix_hits_become_cached_tokens(warehouse: tuple[Store, Writer], shared_data: Path) -> None:
    store, writer = warehouse
    path = shared_data / "mooncake" / "conversation.parquet"
    whole = pd.read_parquet(path)
    # The last block of a prompt may be part empty, so whole blocks can come to more tokens than the prompt has.
    cached = (whole.prefix_hit_blocks * 512).clip(upper=whole.input_tokens)
    options = {
        "maps": "timestamp_ms=occurred_at,min(prefix_hit_blocks*512,input_tokens)=cache_read_tokens",
        "start": "2026-11-01T00:00:00Z",
    }
    assert load(writer, plan(path, **options)) == (len(whole), 0, 0)
    assert load(writer, plan(path, **options)) == (0, len(whole), 0)
    found = totals(store)
    assert (found["input"], found["cached"], found["output"]) == (
        whole.input_tokens.sum(),
        cached.sum(),
        whole.output_tokens.sum(),
    )


def test_mooncake_without_the_cap_refuses_what_is_impossible(warehouse: tuple[Store, Writer], shared_data: Path) -> None:
    path = shared_data / "mooncake" / "conversation.parquet"
    whole = pd.read_parquet(path)
    impossible = int((whole.prefix_hit_blocks * 512 > whole.input_tokens).sum())
    options = {"maps": "timestamp_ms=occurred_at,prefix_hit_blocks*512=cache_read_tokens", "start": "2026-11-01T00:00:00Z"}
    assert load(warehouse[1], plan(path, **options)) == (len(whole) - impossible, 0, impossible)


def test_alibaba_gentd26_failures_latency_and_images(warehouse: tuple[Store, Writer], shared_data: Path) -> None:
    store, writer = warehouse
    path = shared_data / "alibaba_gentd26" / "requests.parquet"
    whole = pd.read_parquet(path)
    done = whole[whole.predict_status != "PENDING"]
    refused = len(whole) - len(done)
    assert load(writer, plan(path, maps=GENTD, zone="Asia/Shanghai")) == (len(done), 0, refused)
    assert load(writer, plan(path, maps=GENTD, zone="Asia/Shanghai")) == (0, len(done), refused)
    found = totals(store)
    assert (found["failed"], found["images"]) == ((done.predict_status == "FAILED").sum(), done.num_images_per_prompt.sum())
    assert found["latency_ms"] == pytest.approx(done.exec_time_seconds.sum() * 1000)
    assert found["people"] == done.group_id.nunique()
    first = store.select("SELECT min(occurred_at) AS first FROM ai_usage").to_pylist()[0]["first"]
    assert first == done.gmt_create.min().tz_localize("Asia/Shanghai")
    # The word that is not one of ours can be given a meaning.
    assert load(writer, plan(path, maps=f"{GENTD},predict_status:PENDING=timeout", zone="Asia/Shanghai"))[2] == 0


def test_servegen_rows_are_aggregates_of_ten_minutes(warehouse: tuple[Store, Writer], shared_data: Path, tmp_path: Path) -> None:
    store, writer = warehouse
    whole = pd.read_parquet(shared_data / "servegen" / "client_requests_10min.parquet")
    # Every twentieth tenant keeps this test quick and every model in it.
    part = whole[whole.client_id % 20 == 0]
    path = tmp_path / "part.parquet"
    part.to_parquet(path)
    options = {
        "maps": "window_start_s=occurred_at,client_id=user_id",
        "sets": "period_s=600,provider=alibaba",
        "start": "2026-11-01T00:00:00Z",
    }
    assert load(writer, plan(path, **options)) == (len(part), 0, 0)
    assert load(writer, plan(path, **options)) == (0, len(part), 0)
    rows = store.select("SELECT model, sum(requests)::BIGINT AS requests FROM ai_usage GROUP BY model").to_pylist()
    expected = part.astype({"requests": "int64"}).groupby("model", observed=True).requests.sum()
    assert {row["model"]: row["requests"] for row in rows} == expected.to_dict()
    spans = store.select("SELECT DISTINCT epoch(period_end - occurred_at) AS s FROM ai_usage").to_pylist()
    assert [row["s"] for row in spans] == [600]


CSV = "when,in,out,model\n2026-11-19 10:00:00,10,2,m\n2026-11-19 10:00:01,7.0,,\n2026-11-19 10:00:02,x,1,m\n2026-11-19 10:00:03,1,2\n"
CSV_MAPS = "when=occurred_at,in=input_tokens,out=output_tokens"


@pytest.mark.parametrize("packed", [False, True])
def test_csv_rows_are_counted_as_they_stand(warehouse: tuple[Store, Writer], tmp_path: Path, packed: bool) -> None:
    store, writer = warehouse
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(CSV.encode()) if packed else b"\xef\xbb\xbf" + CSV.encode())
    assert load(writer, plan(path, maps=CSV_MAPS, zone="Europe/Paris")) == (2, 0, 2)
    assert totals(store)["input"] == 17
    refused = store.select("SELECT line, field, reason FROM rejected ORDER BY line").to_pylist()
    assert [(row["line"], row["field"]) for row in refused] == [(3, "input_tokens"), (4, None)]
    assert "'x'" in refused[0]["reason"]
    assert "has 3 cells" in refused[1]["reason"]
    first = store.select("SELECT min(occurred_at) AS first FROM ai_usage").to_pylist()[0]["first"]
    assert first == datetime(2026, 11, 19, 9, tzinfo=UTC)


def test_ndjson_with_ids_maps_and_a_broken_line(warehouse: tuple[Store, Writer], tmp_path: Path) -> None:
    store, writer = warehouse
    good = {"id": 7, "occurred_at": "2026-11-19T10:00:00Z", "input_tokens": 3, "prompt": "my secret", "kind": "a"}
    path = tmp_path / "a.ndjson"
    path.write_bytes(orjson.dumps(good) + b"\nnot json\n[1]\n" + orjson.dumps({**good, "id": 8, "input_tokens": "NaN"}) + b"\n")
    made = plan(path, maps="kind=attributes.kind")
    assert made.unused == ["prompt"]
    assert load(writer, made) == (1, 0, 3)
    assert store.select("SELECT event_id, attributes['kind'] AS kind FROM ai_usage").to_pylist() == [
        {"event_id": "7", "kind": "a"}
    ]
    refused = store.select("SELECT line, content FROM rejected ORDER BY line").to_pylist()
    assert [row["line"] for row in refused] == [2, 3, 4]
    assert "secret" not in str(refused)


def test_what_a_server_is_sent_gives_the_same_rows(shared_data: Path) -> None:
    from collectors.records.usage_rows import usage_table

    path = shared_data / "mooncake" / "conversation.parquet"
    options = {"maps": "timestamp_ms=occurred_at", "start": "2026-11-01T00:00:00Z"}
    direct = next(plan(path, **options).batches()).rows
    sent = next(plan(path, **options).ndjson()).records
    made = plan(path, **options)
    assert usage_table(sent, source=made.source, platform="arena", known_platforms={"arena"}, now=NOW).usage == direct


def test_samples_from_a_file_keep_nan(warehouse: tuple[Store, Writer], tmp_path: Path) -> None:
    store, writer = warehouse
    path = tmp_path / "s.csv"
    path.write_text("ts,metric,node,value\n0,temp,a,1.5\n60,temp,a,NaN\n120,temp,b,\n")
    options = {"maps": "ts=observed_at,metric=name,node=labels.node", "sets": "component=gpu", "start": "2026-11-19T00:00:00Z"}
    assert load(writer, plan(path, "samples", **options)) == (3, 0, 0)
    rows = store.select("SELECT value FROM samples ORDER BY observed_at").to_pylist()
    assert str([row["value"] for row in rows]) == "[1.5, nan, None]"


def test_business_days_from_a_file(warehouse: tuple[Store, Writer], tmp_path: Path) -> None:
    store, writer = warehouse
    path = tmp_path / "b.csv"
    path.write_text(
        "date,tier,active_users,revenue_usd\n2026-11-18,free,10,0\n2026-11-18,pro,4,99.990000001\n2026-11-19,pro,4,much\n"
    )
    assert load(writer, plan(path, "business", maps="date=day")) == (2, 0, 1)
    assert str(store.select("SELECT sum(revenue_usd) AS usd FROM business_days").to_pylist()[0]["usd"]) == "99.990000001"


def test_a_time_column_is_found_by_its_usual_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("timestamp,input_tokens\n2026-11-19T10:00:00Z,4\n")
    assert plan(path).used["occurred_at"] == "timestamp"


WRONG: list[tuple[str, str, dict[str, Any], str]] = [
    ("no zone", CSV, {"maps": CSV_MAPS}, "--zone"),
    ("no start", "t_ms,input_tokens\n0,4\n", {"maps": "t_ms=occurred_at"}, "--start"),
    ("naive start", "t_ms,input_tokens\n0,4\n", {"maps": "t_ms=occurred_at", "start": "2026-11-20"}, "add Z"),
    ("unknown zone", CSV, {"maps": CSV_MAPS, "zone": "Mars/Olympus"}, "unknown time zone"),
    ("no time", "a,input_tokens\n0,4\n", {}, "no column feeds occurred_at"),
    ("unknown column", CSV, {"maps": "wen=occurred_at", "zone": "UTC"}, "did you mean 'when'"),
    ("unknown field", CSV, {"maps": CSV_MAPS + ",model=modle", "zone": "UTC"}, "did you mean 'model'"),
    ("unknown set", CSV, {"maps": CSV_MAPS, "sets": "providr=x", "zone": "UTC"}, "did you mean 'provider'"),
    ("set without =", CSV, {"maps": CSV_MAPS, "sets": "provider", "zone": "UTC"}, "not FIELD=VALUE"),
    ("map without =", CSV, {"maps": "when", "zone": "UTC"}, "not COLUMN=FIELD"),
    ("two feeds", CSV, {"maps": CSV_MAPS + ",model=output_tokens", "zone": "UTC"}, "two columns feed output_tokens"),
    ("bad term", CSV, {"maps": "max(in,out)=input_tokens", "zone": "UTC"}, "known: min(a,b)"),
    ("unfinished product", CSV, {"maps": "in*=input_tokens", "zone": "UTC"}, "is not a term"),
    ("whole map", CSV, {"maps": CSV_MAPS + ",model=attributes", "zone": "UTC"}, "say which entry"),
    ("unknown platform", CSV, {"platform": "areena"}, "did you mean 'arena'"),
    ("no platform", CSV, {"platform": None, "maps": CSV_MAPS, "zone": "UTC"}, "--platform"),
    ("empty", "", {}, "empty"),
    ("only a header", "a,b\n", {}, "no rows"),
    ("doubled column", "a,a\n1,2\n", {}, "there twice"),
    ("broken quotes", 'a,b\n1,"2\n', {}, "not CSV"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "says"), [pytest.param(*case[1:], id=case[0]) for case in WRONG])
def test_a_wrong_option_is_refused_before_anything_is_stored(
    tmp_path: Path, text: str, options: dict[str, Any], says: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        plan(path, **options)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.parquet", b"PAR1 nonsense", "not a Parquet file"),
        ("a.xlsx", b"x", "not a known format"),
        ("a.csv.gz", b"plain", "gzip file is damaged"),
        ("a.csv.gz", gzip.compress(CSV.encode())[:-12], "gzip file is damaged"),
        ("a.csv", b"a,b\n\xff\xfe,1\n", "not UTF-8"),
        ("a.ndjson", b'[{"id": 1}]', "one JSON array"),
        ("a.ndjson", b"nonsense\n", "no rows"),
    ],
)
def test_a_damaged_file_is_an_error_in_words(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        plan(path)
    assert says in str(caught.value)


def test_a_missing_file_and_an_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        plan(tmp_path / "gone.csv")
    with pytest.raises(InputError, match="did you mean 'usage'"):
        plan(tmp_path / "gone.csv", "usge")
    with pytest.raises(InputError, match="bills cannot be imported yet"):
        plan(tmp_path / "gone.csv", "charges")


OPENMETRICS = """# TYPE http_requests counter
# HELP http_requests Requests answered.
http_requests_total{code="200",path="/a b"} 10 1763500000
http_requests_total{code="200",path="/a b"} 12.5 1763500060.25
# TYPE heat gauge
heat NaN 1763500000
heat +Inf 1763500060
# EOF
"""
CLASSIC = """# TYPE heat gauge
heat{room="1"} 20.5 1763500000000
heat{room="2"} 21
"""
AT = datetime(2025, 11, 18, 21, 6, 40, tzinfo=UTC)


def kept(store: Store) -> list[tuple[object, ...]]:
    sql = (
        "SELECT s.name, s.labels::JSON::VARCHAR AS labels, m.observed_at, m.value FROM samples AS m JOIN series AS s USING (series_id)"
        " WHERE s.platform = 'arena' AND s.component = 'edge' ORDER BY ALL"
    )
    return [tuple(row.values()) for row in as_rows(store.select(sql))]


@pytest.mark.parametrize("name", ["a.om", "a.openmetrics", "a.om.gz"])
def test_an_openmetrics_file_is_samples_at_their_own_times(warehouse: tuple[Store, Writer], tmp_path: Path, name: str) -> None:
    store, writer = warehouse
    path = tmp_path / name
    path.write_bytes(gzip.compress(OPENMETRICS.encode()) if name.endswith(".gz") else OPENMETRICS.encode())
    assert load(writer, plan(path, "samples", sets="component=edge,labels.host=h1")) == (4, 0, 0)
    assert load(writer, plan(path, "samples", sets="component=edge,labels.host=h1")) == (0, 4, 0)
    labels = orjson.dumps({"code": "200", "host": "h1", "path": "/a b"}).decode()
    later = datetime(2025, 11, 18, 21, 7, 40, tzinfo=UTC)
    assert str(kept(store)) == str(
        [
            ("heat", '{"host":"h1"}', AT, float("nan")),
            ("heat", '{"host":"h1"}', later, float("inf")),
            ("http_requests_total", labels, AT, 10.0),
            ("http_requests_total", labels, later.replace(microsecond=250_000), 12.5),
        ]
    )


def test_a_classic_page_s_sample_without_a_time_wants_one(warehouse: tuple[Store, Writer], tmp_path: Path) -> None:
    store, writer = warehouse
    path = tmp_path / "a.prom"
    path.write_text(CLASSIC)
    assert load(writer, plan(path, "samples", sets="component=edge")) == (1, 0, 1)
    assert kept(store) == [("heat", '{"room":"1"}', AT, 20.5)]
    (refused,) = store.select("SELECT line, field FROM rejected").to_pylist()
    assert refused == {"line": 2, "field": "observed_at"}
    assert load(writer, plan(path, "samples", sets="component=edge,observed_at=2026-11-19T00:00:00Z")) == (2, 0, 0)


@pytest.mark.parametrize(
    ("text", "as_", "options", "named"),
    [
        (OPENMETRICS, "usage", {"sets": "component=edge"}, "--as samples"),
        (OPENMETRICS, "samples", {}, "--set component="),
        (OPENMETRICS.replace("# EOF\n", ""), "samples", {"sets": "component=edge"}, "a.om: line 7"),
        (OPENMETRICS.replace("12.5", "9..5"), "samples", {"sets": "component=edge"}, "a.om: line 4"),
        ("# EOF\n", "samples", {"sets": "component=edge"}, "no rows"),
    ],
    ids=["as usage", "no component", "cut short", "not a number", "empty"],
)
def test_a_page_that_cannot_be_imported_says_where_and_what_to_do(
    tmp_path: Path, text: str, as_: str, options: dict[str, str], named: str
) -> None:
    path = tmp_path / "a.om"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        plan(path, as_, **options)
    assert named in f"{refused.value.what} {refused.value.where} {refused.value.hint}"


BROKEN = "id,when,in\n,2026-11-19T10:00:00Z,x\n,2026-11-19T10:00:01Z\nb,2026-11-19T10:00:02Z,y\n"


def test_a_file_s_refused_rows_are_kept_once_however_often_it_is_sent(warehouse: tuple[Store, Writer], tmp_path: Path) -> None:
    store, writer = warehouse
    paths = tmp_path / "a.csv", tmp_path / "b.csv"
    paths[0].write_text(BROKEN)
    paths[1].write_text(BROKEN + "c,2026-11-19T10:00:03Z,4\n")
    for path, added, refused in ((paths[0], 0, 3), (paths[0], 0, 3), (paths[1], 1, 3), (paths[1], 0, 3)):
        assert load(writer, plan(path, maps="when=occurred_at,in=input_tokens"))[::2] == (added, refused)
    found = store.select("SELECT line, count(*)::INT AS n FROM rejected GROUP BY line ORDER BY line").to_pylist()
    # Another file's rows are its own, but for the one that bears an id.
    assert found == [{"line": 1, "n": 2}, {"line": 2, "n": 2}, {"line": 3, "n": 1}]
