"""Putting a pack on disk: checked first, then whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from roomleft.cli.connect_wish import Place
from roomleft.credentials import Credentials
from roomleft.errors import StoreError
from roomleft.packs import Pack, pack_of
from roomleft.packs_write import Data, Extended, extended, pack_text
from roomleft.packs_yaml import read_yaml_text


def drafted(place: Place, add: Data) -> tuple[Extended, Pack]:
    """The pack as it would be written, and as it would be read. Raises PackFaults if it would be refused."""
    text = extended(place.text, add, place.path.name) if place.data else Extended(pack_text(add), True)
    return text, pack_of(read_yaml_text(text.text, f"{place.path.parent.name}/{place.path.name}"), place.path)


def write(place: Place, text: str, credentials: Credentials, secrets: Mapping[str, str]) -> None:
    """Keep the secrets and write the pack. If that does not work out, or is interrupted, what was there before is there still."""
    before = {variable: credentials.kept(variable) for variable in secrets}
    try:
        for variable, value in secrets.items():
            credentials.keep(variable, value)
        _replace(place.path, text)
    except BaseException:
        for variable, old in before.items():
            if old is None:
                credentials.forget(variable)
            else:
                credentials.keep(variable, old)
        raise


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"the pack cannot be written: {error.strerror}", str(path), "check the folder's owner, or set ROOMLEFT_DATA_DIR"
        ) from error
