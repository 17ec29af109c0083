"""Mapping rules as a person writes them: which usage a rule speaks of, and to whom its cost belongs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from roomleft.errors import InputError
from roomleft.packs_fields import Exact, Strict
from roomleft.packs_yaml import nearest

KIND: Final = "mapping"
"""The kind of these decisions among the terms."""
Assignable = Literal["component", "feature", "team", "project", "environment", "cost_centre"]
Matchable = Literal[
    "platform", "component", "provider", "model", "request_type", "feature", "tier", "team", "project", "environment", "api_key_hash", "cost_centre",
]  # fmt: skip
ASSIGNABLE: Final[tuple[str, ...]] = get_args(Assignable)
"""What a rule can say of usage."""
DIMENSIONS: Final[tuple[str, ...]] = get_args(Matchable)
"""What a rule can look at, and what cost can be grouped by."""
FINEST_SHARE = 9
Text = Annotated[str, Field(max_length=200)]
Value = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


class MappingRule(Strict):
    """What a rule says, beside its name, platform and dates.

    `match`: for each dimension one of its values must fit: itself, `start*` for anything that begins so, or "" for usage that does not
    say. A rule without `match` speaks of all usage of its platform. `assign` names whose it is, `share` divides it between several in fixed parts
    that add up to 1. Both fill only what usage left open, unless `override`. Of several rules that fit, the highest `priority` counts, then the
    oldest.
    """

    match: Annotated[dict[Matchable, Annotated[list[Text], Field(min_length=1, max_length=1000)]], Field(default_factory=dict)]
    assign: Annotated[dict[Assignable, Value], Field(default_factory=dict)]
    share: Annotated[dict[Assignable, dict[Value, Exact]], Field(default_factory=dict)]
    override: bool = False
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0

    @field_validator("match", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (
            {key: [item] if isinstance(item, str) else item for key, item in value.items()} if isinstance(value, dict) else value
        )

    @field_validator("share", mode="after")
    @classmethod
    def _whole(cls, share: dict[str, dict[str, Decimal]]) -> dict[str, dict[str, Decimal]]:
        for dimension, parts in share.items():
            if len(parts) < 2 or any(part <= 0 for part in parts.values()):
                raise PydanticCustomError(
                    "share",
                    "{name} is not divided",
                    {"name": dimension, "todo": "give two parts or more, each above 0, or assign it"},
                )
            if any(part != round(part, FINEST_SHARE) for part in parts.values()):
                raise PydanticCustomError(
                    "share", "{name} has parts finer than 1e-9", {"name": dimension, "todo": "nine decimals"}
                )
            if (total := sum(parts.values())) != 1:
                raise PydanticCustomError(
                    "share",
                    "the parts of {name} add up to {total}",
                    {"name": dimension, "total": f"{total:f}", "todo": 'they must add up to 1, for example "0.6" and "0.4"'},
                )
        return share

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.assign and not self.share:
            raise PydanticCustomError(
                "rule", "the rule assigns nothing", {"todo": f"assign or share one of {', '.join(ASSIGNABLE)}"}
            )
        if both := self.assign.keys() & self.share.keys():
            raise PydanticCustomError(
                "rule", "{name} is both assigned and shared", {"name": min(both), "todo": "do one of the two"}
            )
        return self

    def content(self) -> dict[str, Any]:
        """As it is kept: plain JSON, parts as exact text, in which `mapping_rule` reads it back."""
        told = self.model_dump(exclude_defaults=True)
        if self.share:
            told["share"] = {name: {who: format(part, "f") for who, part in parts.items()} for name, parts in self.share.items()}
        return told


def mapping_rule(content: Mapping[str, Any], where: str = "mapping rule") -> MappingRule:
    """The rule in `content`. Raises InputError with the first thing that is wrong with it, and where."""
    try:
        return MappingRule.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"] if step != "[key]")
        words, hint = first["msg"], str(first.get("ctx", {}).get("todo", ""))
        if first["type"] == "literal_error":
            known = ASSIGNABLE if first["loc"][0] in ("assign", "share") else DIMENSIONS
            wrong = str(first["input"])
            words, hint = f"unknown dimension {wrong[:60]!r}", nearest(wrong, known, "dimensions")
        elif first["type"] == "extra_forbidden":
            words, hint = "unknown key", nearest(str(first["loc"][-1]), MappingRule.model_fields, "keys")
        raise InputError(words, f"{where}: {place}" if place else where, hint or "see docs/allocation.md") from None
