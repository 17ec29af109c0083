"""Checks a JSON value against a schema of docs/openapi.yaml, by the part of JSON Schema used there; unknown keys are refused."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

CONTRACT = yaml.safe_load((Path(__file__).parents[3] / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
KNOWN = {
    "$ref", "additionalProperties", "allOf", "anyOf", "default", "description", "enum", "format", "items", "maximum", "minimum",
    "properties", "required", "type",
}  # fmt: skip
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


class Mismatch(AssertionError):
    """A value that is not what its schema says."""


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """The node that a $ref points to, or the node itself."""
    while "$ref" in node:
        target: Any = CONTRACT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def answer_schema(path: str, status: int, method: str = "get") -> dict[str, Any]:
    """Schema of the body that a route gives with a status."""
    (media,) = resolve(CONTRACT["paths"][path][method]["responses"][str(status)])["content"].values()
    return media["schema"]


def check(value: Any, schema: dict[str, Any], where: str = "body", whole: bool = True) -> None:
    """Raise Mismatch, saying where, unless the value fits. `whole` refuses keys that the schema does not name."""
    schema = resolve(schema)
    assert not set(schema) - KNOWN, f"{where}: this checker does not know {set(schema) - KNOWN}"
    for part in schema.get("allOf", ()):
        check(value, part, where, whole=False)
    if "anyOf" in schema and not any(_fits(value, part, where) for part in schema["anyOf"]):
        raise Mismatch(f"{where}: {value!r} fits none of anyOf")
    if "enum" in schema and value not in schema["enum"]:
        raise Mismatch(f"{where}: {value!r} is not one of {schema['enum']}")
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    if types and not any(isinstance(value, TYPES[t]) and (t == "boolean" or not isinstance(value, bool)) for t in types):
        raise Mismatch(f"{where}: {value!r} is not {types}")
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        raise Mismatch(f"{where}: {value!r} is out of bounds")
    if isinstance(value, str) and schema.get("format") == "date-time" and datetime.fromisoformat(value).tzinfo is None:
        raise Mismatch(f"{where}: {value!r} has no offset")
    if isinstance(value, str) and schema.get("format") == "date":
        date.fromisoformat(value)
    if isinstance(value, list):
        for number, item in enumerate(value):
            check(item, schema.get("items", {}), f"{where}[{number}]", whole)
    if isinstance(value, dict):
        _check_object(value, schema, where, whole and bool(schema.get("properties")))


def _check_object(value: dict[str, Any], schema: dict[str, Any], where: str, whole: bool) -> None:
    missing = set(schema.get("required", ())) - set(value)
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    unknown = set(value) - set(properties) if whole and others is None else set()
    if missing or unknown:
        raise Mismatch(f"{where}: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")
    for key, item in value.items():
        check(item, properties.get(key, others or {}), f"{where}.{key}")


def _fits(value: Any, schema: dict[str, Any], where: str) -> bool:
    try:
        check(value, schema, where)
    except Mismatch:
        return False
    return True
