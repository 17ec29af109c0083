"""Whose a span is, and whom its call is for."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.otlp.senders import Senders
from roomleft.packs import PackFaults, pack_of
from roomleft.packs_yaml import read_yaml
from roomleft.settings import ROOT
from tests.collectors.otlp.sent import CALL, judged, pack_with, request_of, row_of

TINY_FILE = ROOT / "tests" / "packs" / "good" / "tiny.yaml"


@pytest.mark.parametrize(
    ("resource", "asked"),
    [
        ({"service.name": "tiny"}, None),
        ({"service.namespace": "tiny", "service.name": "web"}, None),
        ({"service.name": "web", "roomleft.platform": "tiny"}, None),
        ({"service.name": "web"}, "tiny"),
        ({"roomleft.platform": "nonsense"}, "tiny"),
        ({}, "tiny"),
        ({"service.name": "checkout"}, None),
        ({"service.namespace": "checkout", "service.name": "x"}, None),
    ],
    ids=["name", "namespace", "attribute", "asked", "asked wins", "asked, nothing said", "listed", "listed namespace"],
)
def test_the_platform_of_a_span(resource: dict[str, Any], asked: str | None) -> None:
    assert row_of(CALL, resource, asked=asked, pack=pack_with(services=["checkout"]))["platform"] == "tiny"


@pytest.mark.parametrize(
    ("resource", "asked", "words"),
    [
        ({"service.name": "web"}, None, "no pack knows the service 'web'; name one with the header x-roomleft-platform"),
        ({}, None, "no platform is named; name one with the header"),
        ({"service.name": "tiny"}, "tinny", "unknown platform 'tinny'; did you mean 'tiny'?"),
        ({"roomleft.platform": "x" * 300}, None, "unknown platform a text of 300 characters"),
    ],
    ids=["service", "nothing", "asked", "too long"],
)
def test_a_span_of_nobody_is_refused_with_a_hint(resource: dict[str, Any], asked: str | None, words: str) -> None:
    found = judged(request_of([{"attributes": CALL}, {"attributes": {"http.method": "GET"}, "number": 2}], resource), asked=asked)
    assert (found.refused, found.usage.rows.num_rows) == (1, 0)
    assert words in found.reasons[0]
    (row,) = found.usage.rejected.to_pylist()
    assert (row["field"], row["line"], row["stream"]) == ("platform", 1, "usage")


def test_a_service_that_two_packs_list_belongs_to_neither() -> None:
    packs = {slug: pack_with(services=["web"]).model_copy(update={"slug": slug}) for slug in ("tiny", "other")}
    senders = Senders(packs, packs, None)
    sender = senders.of(request_of([], {"service.name": "web"}).resource_spans[0].resource)
    assert (sender.platform, sender.unknown) == (None, "the service 'web' is listed by the packs other, tiny; leave it in one")


def test_spans_that_are_no_calls_are_let_go_whoever_sends_them() -> None:
    found = judged(request_of([{"attributes": {"http.method": "GET"}}], {"service.name": "web"}))
    assert (found.refused, found.reasons, found.usage.rows.num_rows) == (0, (), 0)


def test_whom_a_call_is_for_by_the_usual_names() -> None:
    row = row_of(
        CALL | {"enduser.id": "ada", "tenant.id": "t-1", "feature": "search", "user.tier": "free", "project.id": "p"},
        {"service.name": "tiny", "deployment.environment.name": "production", "service.instance.cost_center.id": "cc-7"},
    )
    told = {
        name: row[name] for name in ("user_id", "team", "feature", "tier", "project", "environment", "cost_centre", "component")
    }
    assert told == {
        "user_id": "ada", "team": "t-1", "feature": "search", "tier": "free", "project": "p", "environment": "production", "cost_centre": "cc-7",
        "component": None,
    }  # fmt: skip


def test_the_packs_own_names_go_first_and_a_span_before_its_resource() -> None:
    pack = pack_with(attributes={"user_id": "app.player", "team": ["app.squad", "app.guild"], "request_type": "app.kind"})
    row = row_of(
        CALL | {"app.player": 77, "user.id": "other", "app.guild": "red", "app.kind": "quest", "deployment.environment": "span"},
        {"service.name": "tiny", "deployment.environment": "resource"},
        pack=pack,
    )
    assert (row["user_id"], row["team"], row["request_type"], row["environment"]) == ("77", "red", "quest", "span")


@pytest.mark.parametrize(("service", "component"), [("api", "api"), ("web", None)])
def test_a_service_is_a_component_only_if_the_pack_has_it(service: str, component: str | None) -> None:
    assert row_of(CALL, {"service.name": service}, asked="tiny")["component"] == component


def test_a_platform_that_counts_metrics_takes_no_spans() -> None:
    found = judged(request_of([{"attributes": CALL}]), pack=pack_with(metrics_only=True))
    assert (found.refused, found.usage.rows.num_rows) == (1, 0)
    assert "counted a second time" in found.reasons[0]


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ("otlp: {service: [web]}", "otlp.service"),
        ("otlp: {attributes: {users: a.b}}", "otlp.attributes.users"),
        ('otlp: {attributes: {user_id: "two words"}}', "otlp.attributes.user_id"),
        ("otlp: {metrics_only: perhaps}", "otlp.metrics_only"),
    ],
)
def test_a_wrong_section_is_refused_naming_its_place(tmp_path: Any, section: str, place: str) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(f"{TINY_FILE.read_text()}\n{section}\n")
    with pytest.raises(PackFaults) as raised:
        pack_of(read_yaml(path), path)
    assert place in str(raised.value)
