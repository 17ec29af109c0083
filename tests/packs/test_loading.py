"""Packs are refused early and completely: each bad fixture ends with the faults it must be told."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roomleft.errors import PackError
from roomleft.packs import Pack, PackFaults, load_pack, load_packs, pack_files

FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FAST_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
HERE = Path(__file__).parent
PACKS = HERE.parent.parent / "packs"
BAD = sorted((HERE / "bad").glob("*.yaml"))
GOOD = [HERE / "good" / "tiny.yaml", *pack_files(PACKS).values()]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_packs_load(path: Path) -> None:
    pack = load_pack(path)
    assert pack.slug == path.stem
    assert [limit.limit_id for limit in pack.limit_list()] == [f"{pack.slug}.{spec.id}" for spec in pack.limits]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_packs_are_refused_with_every_fault(path: Path) -> None:
    expected = [line.removeprefix("# expect: ") for line in path.read_text().splitlines() if line.startswith("# expect: ")]
    assert expected, "a bad fixture says what is wrong with it"
    with pytest.raises(PackFaults) as caught:
        load_pack(path)
    told = str(caught.value).splitlines()
    for words in expected:
        assert any(words in line for line in told), f"{words!r} is not among {told}"
    assert len(told) == len(expected), told
    assert caught.value.where.startswith(f"bad/{path.name}")


def test_there_are_at_least_as_many_bad_packs_as_good_ones() -> None:
    assert len(BAD) >= len(GOOD)


def test_the_file_must_be_named_after_the_slug(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text((HERE / "good" / "tiny.yaml").read_text())
    with pytest.raises(PackFaults, match=r"slug is 'tiny' but the file is other.yaml \(rename the file to tiny.yaml\)"):
        load_pack(tmp_path / "other.yaml")


def test_a_signal_is_live_only_where_the_pack_says_so(tmp_path: Path) -> None:
    text = (HERE / "good" / "tiny.yaml").read_text()
    path = tmp_path / "tiny.yaml"
    for written, live in (("threshold: slow}", False), ("threshold: slow, live: true}", True)):
        path.write_text(text.replace("threshold: slow}", written, 1))
        assert load_pack(path).signals[0].live is live
    path.write_text(text.replace("threshold: slow}", "threshold: slow, live: perhaps}", 1))
    with pytest.raises(PackFaults, match=r"signals\[0\]\.live, line 12"):
        load_pack(path)


def test_faults_of_two_packs_are_told_together() -> None:
    with pytest.raises(PackError) as caught:
        load_packs(HERE / "bad", only=["unknown-unit", "unknown-meter"])
    assert "usdd" in str(caught.value)
    assert "whol" in str(caught.value)


def test_an_unknown_pack_names_the_nearest() -> None:
    with pytest.raises(PackError, match="did you mean 'tiny'"):
        load_packs(HERE / "good", only=["tinny"])


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no such folder"):
        load_packs(tmp_path / "nowhere")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="cannot be read"):
        load_pack(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a: &a [*a]",
        "[" * 5000,
        "a: !!python/object:os.system x",
        "? {a: 1}\n: b",
        "\ufeff",
        "slug: " + "9" * 6000,
        "a: 2026-13-45",
        b"\xff\xfe\xfa".decode("latin-1"),
    ],
    ids=["null byte", "endless alias", "deep", "python tag", "map as key", "mark only", "long number", "no such day", "latin"],
)
def test_odd_files_are_refused_without_a_traceback(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PackError):
        load_pack(path)


def _places(data: object, place: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [place] if place else []
    if isinstance(data, dict):
        for key, value in data.items():
            found += _places(value, (*place, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            found += _places(value, (*place, index))
    return found


def _small_real_pack() -> dict[str, object]:
    # The stand-in's shape has tests of its own and is most of the file.
    data = yaml.load((PACKS / "scribe.yaml").read_text(), Loader=FAST_LOADER)
    data.pop("standin", None)
    data["figures"] = data["figures"][:3]
    data["signals"] = data["signals"][:3]
    return data


REAL = _small_real_pack()
PLACES = _places(REAL)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000_000), times=st.integers(1, 4))
def test_a_damaged_pack_is_refused_or_loads_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, times: int
) -> None:
    rng = random.Random(seed)
    data: dict[str, object] = copy.deepcopy(REAL)
    for _ in range(times):
        _damage(data, rng)
    folder = tmp_path_factory.getbasetemp() / "damaged"
    (folder / "scribe").mkdir(parents=True, exist_ok=True)
    (folder / "scribe" / "mttr_minutes.sql").write_text("SELECT 1 AS value")
    path = folder / "scribe.yaml"
    path.write_text(yaml.dump(data, Dumper=FAST_DUMPER, sort_keys=False))
    try:
        pack = load_pack(path)
    except PackError as error:
        assert error.what  # noqa: PT017 - loading may be right here, too
        assert error.where  # noqa: PT017
    else:
        assert isinstance(pack, Pack)
        assert pack.limit_list()


def _damage(data: dict[str, object], rng: random.Random) -> None:
    place = rng.choice(PLACES)
    parent: object = data
    for step in place[:-1]:
        if (isinstance(parent, dict) and step in parent) or (
            isinstance(parent, list) and isinstance(step, int) and step < len(parent)
        ):
            parent = parent[step]
        else:
            return
    key = place[-1]
    if isinstance(parent, dict) and key in parent:
        kind = rng.randrange(3)
        value = parent.pop(key)
        if kind == 1:
            parent[str(key)[::-1] + "x"] = value
        elif kind == 2:
            parent[key] = rng.choice([None, "", 0, -1, 1.5, True, [], {}, "nonsense", ["a"], {"a": 1}, "2026-01-01", "1" * 40])
    elif isinstance(parent, list) and isinstance(key, int) and key < len(parent):
        parent[key] = rng.choice([None, "x", 3, {}, []])
