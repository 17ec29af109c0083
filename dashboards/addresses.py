"""People's e-mail addresses in what pages and programs are told: whole for those whose business they are, hidden from everybody else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from dashboards.door.asking import asking
from warehouse.state import Scope

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")

ADDRESS = re.compile(r"""([^\s@<>()\[\],;:"'])[^\s@<>()\[\],;:"']*@(?=[^\s@<>()\[\],;:"'])""")


def hidden(told: Any) -> Any:
    """A text, or the texts in a document, with no more of an address than its first letter and its domain: `a…@example.org`."""
    if isinstance(told, str):
        return ADDRESS.sub(r"\1…@", told)
    if isinstance(told, Mapping):
        return {name: hidden(value) for name, value in told.items()}
    return [hidden(each) for each in told] if isinstance(told, list | tuple) else told


def rows_told(rows: Sequence[Row], scope: Scope, *names: str) -> list[Row]:
    """The rows as who asks may have them: whole with `scope`, else with the addresses in the fields `names` hidden."""
    if asking().may(scope):
        return list(rows)
    return [replace(row, **{name: hidden(getattr(row, name)) for name in names}) for row in rows]
