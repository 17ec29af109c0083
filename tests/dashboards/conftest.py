"""The pages over the sample world, driven without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dash import Dash
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.app import build_pages
from dashboards.parts import Parts
from tests.dashboards.sample_rows import sample_parts


class Driven:
    """The built pages: `call` posts to Dash's own route as the browser does."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.server = FastAPI()
        self.app: Dash = build_pages(self.server, parts)
        self.client = TestClient(self.server)

    def call(self, output: str, path: str = "/", search: str = "", theme: str = "light") -> Any:
        """The new value of `id.property`, as JSON; raises for an answer other than 200."""
        known = {"url.pathname": path, "url.search": search, "theme.data": theme}
        spec = self.app.callback_map[output]

        def filled(asked: list[dict[str, str]]) -> list[dict[str, Any]]:
            return [{**each, "value": known.get(f"{each['id']}.{each['property']}")} for each in asked]

        name, _, prop = output.rpartition(".")
        body = {
            "output": output,
            "outputs": {"id": name, "property": prop},
            "inputs": filled(spec["inputs"]),
            "state": filled(spec["state"]),
            "changedPropIds": ["url.search"],
        }
        answer = self.client.post("/_dash-update-component", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["response"][name][prop]


@pytest.fixture(scope="module")
def pages() -> Iterator[Driven]:
    """The sample world, shared by a module: its tests only read."""
    driven = Driven(sample_parts())
    yield driven
    driven.parts.store.close()


@pytest.fixture
def make_pages() -> Iterator[Callable[[Parts], Driven]]:
    """A function that builds pages over given parts; their stores are closed after the test."""
    made: list[Driven] = []

    def make(parts: Parts) -> Driven:
        made.append(Driven(parts))
        return made[-1]

    yield make
    for driven in made:
        driven.parts.store.close()


def texts(component: Any) -> str:
    """All words of a component tree as sent to the browser, in order."""
    if isinstance(component, str):
        return component
    if isinstance(component, (int, float)):
        return str(component)
    if isinstance(component, list):
        return " ".join(filter(None, (texts(each) for each in component)))
    if isinstance(component, dict):
        return texts(component.get("props", {}).get("children", ""))
    return ""


def found(component: Any, **wanted: str) -> list[dict[str, Any]]:
    """Every component in the tree whose properties have the wanted values; `className` matches one of its words."""
    hits: list[dict[str, Any]] = []
    if isinstance(component, list):
        for each in component:
            hits += found(each, **wanted)
    elif isinstance(component, dict) and "props" in component:
        props = component["props"]
        if all(
            value in str(props.get(name, "")).split() if name == "className" else props.get(name) == value
            for name, value in wanted.items()
        ):
            hits.append(component)
        hits += found(props.get("children"), **wanted)
    return hits
