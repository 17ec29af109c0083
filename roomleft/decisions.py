"""What somebody decided in the app, in the form that everything which reads decisions needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol


class Decision(Protocol):
    """A decision, as `warehouse.state.terms.Term` is: what it says is in `content`, of a shape that belongs to its kind."""

    @property
    def id(self) -> int: ...
    @property
    def subject(self) -> str: ...
    @property
    def platform(self) -> str: ...
    @property
    def valid_from(self) -> datetime: ...
    @property
    def valid_to(self) -> datetime | None: ...
    @property
    def content(self) -> Mapping[str, Any]: ...
    @property
    def made_by(self) -> str: ...
    @property
    def made_at(self) -> datetime: ...
