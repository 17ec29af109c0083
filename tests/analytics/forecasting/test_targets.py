"""What a pack has forecast: which series stand behind a limit, and how it is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.forecasting.targets import Recipe, plan_of, recipe_of, report_series
from roomleft.outlook import NoDate, Shape
from roomleft.packs import load_packs
from tests.analytics.forecasting.world import world_pack

PACKS = Path(__file__).parent.parent.parent.parent / "packs"


def told(recipe: Recipe) -> str:
    """A recipe in a line: `ratio(over 30(shop/spend), shop/users#3d)`."""
    if recipe.no_date is not None:
        return str(recipe.no_date)
    if recipe.target is not None:
        return recipe.target.name
    span = recipe.window.span.days if recipe.window is not None and recipe.window.span is not None else recipe.days
    return f"{recipe.join}{f' {span}' if span else ''}({', '.join(map(told, recipe.parts))})"


CASES = {
    "money of a month adds up": ("month", "shop/spend", Shape.FLOW),
    "some of the calls": ("gold", "shop/gold_calls", Shape.FLOW),
    "a capacity is about its busiest hour": ("disk", "shop/disk#busiest", Shape.LEVEL),
    "a level otherwise is the day's mean": ("load", "shop/load", Shape.LEVEL),
    "a floor is about the lowest hour": ("idle", "shop/load#lowest", Shape.LEVEL),
    "a rolling error budget adds up": ("failed", "shop/errors", Shape.FLOW),
    "less than a day is read by the hour": ("burst", "shop/errors#busiest", Shape.LEVEL),
    "minutes that failed": ("down", "shop/down", Shape.FLOW),
    "a ratio of spans": ("each", "ratio(over 30(shop/spend), shop/users#3d)", Shape.LEVEL),
    "a mean of days": ("daily", "mean_over 7(shop/daily)", Shape.LEVEL),
    "growth looks back": ("grown", "growth 7(over 7(shop/spend))", Shape.LEVEL),
    "a total with what is known": ("whole", "total(over 30(shop/spend), over 30(shop/fixed))", Shape.LEVEL),
    "each user has it apart": ("mine", NoDate.PER_USER, Shape.LEVEL),
    "a query has no days": ("asked", NoDate.BY_QUERY, Shape.LEVEL),
}


@pytest.mark.parametrize(("limit", "words", "shape"), CASES.values(), ids=CASES.keys())
def test_a_limit_is_made_of(tmp_path: Path, limit: str, words: str, shape: Shape) -> None:
    pack = world_pack(tmp_path)
    recipe = recipe_of(pack, pack.limit(limit))
    assert told(recipe) == words
    assert recipe.shape is shape


def test_a_limit_whose_meter_the_pack_lacks_has_no_date_and_the_others_have_theirs(tmp_path: Path) -> None:
    whole = world_pack(tmp_path)
    less = whole.model_copy(
        update={"meters": {name: meter for name, meter in whole.meters.items() if name not in ("spend", "served", "users")}}
    )
    plan, of_each = plan_of(less), {limit.limit_id: limit for limit in less.limit_list()}
    shown = {subject.name: subject.recipe.no_date for subject in plan.subjects if subject.name in of_each}
    assert shown["shop.month"] is NoDate.NO_METER
    assert shown["shop.failed"] is NoDate.NO_METER, "what its amount is for each of"
    assert shown["shop.each"] is NoDate.NO_METER, "a part of its ratio"
    assert shown["shop.grown"] is NoDate.NO_METER, "what it has grown from"
    assert shown["shop.disk"] is None


def test_an_amount_for_each_of_something_has_a_recipe_of_its_own(tmp_path: Path) -> None:
    subject = plan_of(world_pack(tmp_path)).subject("shop.failed")
    assert subject is not None
    assert subject.per is not None
    assert told(subject.per) == "over 7(shop/served)"


def test_meters_that_ask_the_same_have_one_history(tmp_path: Path) -> None:
    names = set(plan_of(world_pack(tmp_path)).targets)
    assert "shop/spend" in names
    assert not {"shop/spend_30d", "shop/burst#busiest", "shop/usage:cost"} & names


def test_days_of_another_zone_are_another_target(tmp_path: Path) -> None:
    pack = world_pack(tmp_path)
    text = (tmp_path / "shop.yaml").read_text(encoding="utf-8")
    (tmp_path / "shop.yaml").write_text(
        text.replace("meter: spend, window: month", "meter: spend, window: {period: month, zone: Asia/Tokyo}")
    )
    from roomleft.packs import load_pack

    there = load_pack(tmp_path / "shop.yaml")
    assert told(recipe_of(pack, pack.limit("month"))) == "shop/spend"
    assert told(recipe_of(there, there.limit("month"))) == "shop/spend@Asia/Tokyo"


def test_a_report_names_its_series_and_has_ai_cost_and_requests_without_naming_them(tmp_path: Path) -> None:
    found = {subject.name: told(subject.recipe) for subject in report_series(world_pack(tmp_path))}
    assert found == {
        "shop/users/daily": "mean_over 7(shop/daily)",
        "shop/storage/disk": "shop/disk#busiest",
        "shop/ai_cost/usage:cost": "shop/spend",
        "shop/ai_requests/usage:requests": "shop/calls",
    }


def test_every_shipped_limit_is_forecast_or_says_why() -> None:
    for pack in load_packs(PACKS).values():
        plan = plan_of(pack)
        assert [subject.name for subject in plan.subjects if subject.limit] == [limit.limit_id for limit in pack.limit_list()]
        for subject in plan.subjects:
            recipe = subject.recipe
            assert recipe.targets() or recipe.no_date in (NoDate.PER_USER, NoDate.BY_QUERY), subject.name
            assert all(plan.targets[target.name] == target for target in recipe.targets())
        reported = {subject.metric for subject in plan.subjects if subject.limit is None}
        assert pack.reports.capacity is not None
        assert set(pack.reports.capacity.horizons) == reported, pack.slug
