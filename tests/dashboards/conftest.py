"""The pages over the sample world, driven without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import count
from typing import Any

import pytest
from dash import Dash
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.app import build_pages
from dashboards.components.still import VOID
from dashboards.parts import Parts
from dashboards.shared import Shared
from tests.dashboards.sample_rows import sample_parts


class Driven:
    """The built pages: `call` posts to Dash's own route as the browser does."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.server = FastAPI()
        self.app: Dash = build_pages(self.server, parts)
        for layer in self.server.user_middleware:
            if layer.cls is Shared:
                # No answer is kept for the next question: here a second is enough for a world to change.
                layer.kwargs["timer"] = count(step=60).__next__
        self.client = TestClient(self.server)

    def call(self, output: str, path: str = "/", search: str = "", theme: str = "light") -> Any:
        """The new value of `id.property`, as JSON; raises for an answer other than 200."""
        answer = self.asked(output, path, search, theme)
        assert answer.status_code == 200, answer.text
        name, _, prop = output.rpartition(".")
        return opened(answer.json()["response"][name][prop])

    def answered(self, output: str, path: str, search: str) -> dict[str, Any]:
        """What a callback of one or of several outputs changes, by `id.property`; nothing where it leaves all as it is."""
        answer = self.asked(output, path, search)
        if answer.status_code == 204:
            return {}
        assert answer.status_code == 200, answer.text
        told = answer.json()["response"]
        return {f"{name}.{prop}": opened(value) for name, props in told.items() for prop, value in props.items()}

    def asked(self, output: str, path: str = "/", search: str = "", theme: str = "light") -> Any:
        """Dash's answer for `id.property`."""
        known = {"url.pathname": path, "url.search": search, "theme.data": theme}
        spec = self.app.callback_map[output]

        def filled(asked: list[dict[str, str]]) -> list[dict[str, Any]]:
            return [{**each, "value": known.get(f"{each['id']}.{each['property']}")} for each in asked]

        several = [dict(zip(("id", "property"), each.rsplit(".", 1), strict=True)) for each in output.strip(".").split("...")]
        body = {
            "output": output,
            "outputs": several if output.startswith("..") else several[0],
            "inputs": filled(spec["inputs"]),
            "state": filled(spec["state"]),
            "changedPropIds": ["url.search"],
        }
        return self.client.post("/_dash-update-component", json=body)


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


def opened(component: Any) -> Any:
    """A component tree as sent to the browser, with the HTML of its still blocks as the components it would be."""
    if isinstance(component, list):
        return [opened(each) for each in component]
    if not isinstance(component, dict) or "props" not in component:
        return component
    props = dict(component["props"])
    if "data-html" in props:
        reader = Reader()
        reader.feed(props.pop("data-html"))
        reader.close()
        props["children"] = reader.tree
    elif "children" in props:
        props["children"] = opened(props["children"])
    return {**component, "props": props}


class Reader(HTMLParser):
    """HTML as the tree of components that it would be."""

    def __init__(self) -> None:
        super().__init__()
        self.tree: list[Any] = []
        self.above: list[list[Any]] = [self.tree]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        props: dict[str, Any] = {{"class": "className"}.get(name, name): value for name, value in attrs}
        if "style" in props:
            props["style"] = dict(each.split(":", 1) for each in props["style"].split(";"))
        props["children"] = []
        self.above[-1].append({"type": tag.capitalize(), "props": props, "namespace": "dash_html_components"})
        if tag not in VOID:
            self.above.append(props["children"])

    def handle_endtag(self, tag: str) -> None:
        self.above.pop()

    def handle_data(self, data: str) -> None:
        self.above[-1].append(data)


def texts(component: Any) -> str:
    """All words of a component tree as sent to the browser, in order."""
    if isinstance(component, str):
        return component
    if isinstance(component, (int, float)):
        return str(component)
    if isinstance(component, list):
        said = ""
        inside = True
        for each in component:
            words, term = texts(each), isinstance(each, dict) and each.get("props", {}).get("className") == "term"
            # A word that is explained stands within its sentence.
            said += words if term or inside or not words or not said else f" {words}"
            inside = term if words else inside
        return said
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
