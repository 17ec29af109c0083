"""Turns what pydantic says about a pack into words a person can act on: the path, the line, the nearest valid key or value."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from roomleft.packs_yaml import Document, Place, nearest

QUOTED = re.compile(r"'([^']*)'")


def note_validation_errors(document: Document, model: type[BaseModel], error: ValidationError) -> None:
    """Add every error to the document, at places as the file spells them (without pydantic's names of union members)."""
    for one in error.errors(include_url=False):
        place, around = _walk(document.data, model, one["loc"])
        what, hint = _words(dict(one), place, around)
        document.add(what, place, hint)


def places_of(data: object, model: type[BaseModel], error: ValidationError) -> list[Place]:
    """The places in the file that the errors are about."""
    return [_walk(data, model, one["loc"])[0] for one in error.errors(include_url=False)]


def _words(one: dict[str, Any], place: Place, around: list[type[BaseModel]]) -> tuple[str, str]:
    kind, context = one["type"], one.get("ctx") or {}
    if kind == "extra_forbidden":
        return f"unknown key '{place[-1]}'", nearest(place[-1], _keys(around), "keys here")
    if kind == "missing":
        return f"'{place[-1]}' is missing", f"add {place[-1]}"
    if kind in ("enum", "literal_error"):
        valid = QUOTED.findall(str(context.get("expected", "")))
        return f"unknown value {one['input']!r}", nearest(one["input"], valid)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        valid = QUOTED.findall(str(context.get("expected_tags", ""))) or _tags(around)
        if kind == "union_tag_not_found":
            return "'kind' is missing", f"valid: {', '.join(sorted(valid))}" if valid else "add kind"
        return f"unknown kind {context.get('tag')!r}", nearest(context.get("tag"), valid)
    if "todo" in context:
        return str(one["msg"]), str(context["todo"])
    if kind == "string_pattern_mismatch":
        return f"{one['input']!r} is not a name this place takes", f"it must match {context.get('pattern')}"
    if kind.startswith("date"):
        return f"{one['input']!r} is not a date", "write for example 2026-01-15"
    if kind == "value_error":
        return str(context.get("error", one["msg"])), ""
    if kind == "model_type":
        return f"{one['input']!r} is not a map", f"keys here: {', '.join(sorted(_keys(around)))}" if around else ""
    return str(one["msg"])[:1].lower() + str(one["msg"])[1:] + _got(one), ""


def _got(one: dict[str, Any]) -> str:
    value = one.get("input")
    return f", not {value!r}" if isinstance(value, (str, int, float, bool, type(None))) else ""


def _keys(models: Iterable[type[BaseModel]]) -> set[str]:
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


def _tags(models: Iterable[type[BaseModel]]) -> list[str]:
    tags: list[str] = []
    for model in models:
        kind = model.model_fields.get("kind")
        if kind is not None:
            tags.extend(str(arg) for arg in typing.get_args(kind.annotation))
    return tags


def _walk(data: object, model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[Place, list[type[BaseModel]]]:
    """The place in the file, and the models whose keys are valid where it points (for an unknown key: around it)."""
    place: list[str | int] = []
    here: list[Any] = [model]
    around: list[type[BaseModel]] = [model]
    for step in loc:
        models = _models(here)
        tagged = [one for one in models if step in (one.__name__, *_tags([one]))] or _told_apart_by(models, step)
        in_file = isinstance(step, int) or (isinstance(data, dict) and step in data)
        if step == "[key]":
            continue
        if tagged and (not in_file or len(models) > 1):
            # The name of a union's member: it is in no file, but it says which model is meant.
            here, around = list(tagged), tagged
            continue
        around = models or around
        place.append(step)
        here = _next(here, step)
        data = _child(data, step)
    return tuple(place), _models(here) or around


def _told_apart_by(models: list[type[BaseModel]], step: str | int) -> list[type[BaseModel]]:
    """The one of several models that alone must have this key, by which it is told apart."""
    having = [one for one in models if (field := one.model_fields.get(str(step))) is not None and field.is_required()]
    return having if len(models) > 1 and len(having) == 1 else []


def _models(annotations: Iterable[Any]) -> list[type[BaseModel]]:
    return [one for one in annotations if isinstance(one, type) and issubclass(one, BaseModel)]


def _child(data: object, step: str | int) -> object:
    if isinstance(data, dict):
        return data.get(step)
    if isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
        return data[step]
    return None


def _next(candidates: list[Any], step: str | int) -> list[Any]:
    found: list[Any] = []
    for one in candidates:
        if isinstance(one, type) and issubclass(one, BaseModel):
            for name, field in one.model_fields.items():
                if step in (name, field.alias):
                    found.extend(_members(field.annotation))
        else:
            origin, args = typing.get_origin(one), typing.get_args(one)
            if origin is dict and len(args) == 2:
                found.extend(_members(args[1]))
            elif origin in (list, tuple) and args:
                found.extend(_members(args[0]))
    return found


def _members(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [member for arg in typing.get_args(annotation) for member in _members(arg)]
    return [annotation]
