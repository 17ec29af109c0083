"""The packs of a data folder, for commands that open it themselves because no server has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from roomleft.datadir import KIND_FILE
from roomleft.packs import Pack
from roomleft.packs_shelf import known_files, load_each, load_in_force
from roomleft.settings import Settings

if TYPE_CHECKING:
    from warehouse.store import Store


def packs_in_force(settings: Settings, store: Store) -> dict[str, Pack]:
    """The packs that a server would put in force there. Raises PackError, SettingsError and StoreError."""
    return load_in_force(_as_kept(settings), [str(row["platform"]) for row in store.rows("platforms_stored")])


def packs_known(settings: Settings) -> dict[str, Pack]:
    """Every pack that may be in force there, in force or not. Raises PackError if any has a fault."""
    packs, refused = load_each(known_files(_as_kept(settings)))
    for error in refused.values():
        raise error
    return packs


def _as_kept(settings: Settings) -> Settings:
    """The settings as they hold for the folder: a demo's plays what its plan says."""
    from roomleft.demo import kept_plan

    mark = settings.data_dir / KIND_FILE
    if settings.demo or not _says_demo(mark):
        return settings
    return replace(settings, demo=True, packs=kept_plan(settings.data_dir).packs)


def _says_demo(mark: Path) -> bool:
    try:
        return mark.read_text(encoding="utf-8", errors="replace").strip() == "demo"
    except OSError:
        return False
