"""Where packs lie and which are in force: people's own in the data folder, and those that come with the program.

An own pack is in force because it lies there. A shipped one waits until somebody wants it: the setting `packs` names it, a source is
configured for it, or data of its platform is stored. So a new server shows nobody else's platforms. A demo plays shipped packs only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, ItemsView, Iterator, KeysView, Mapping, ValuesView
from pathlib import Path

from roomleft.errors import PackError, SettingsError
from roomleft.packs import Pack, load_pack, pack_files
from roomleft.packs_yaml import nearest
from roomleft.settings import Settings

__all__ = ["PacksInUse", "files_in_force", "known_files", "load_each", "load_in_force", "own_folder", "pack_files"]

OWN_FOLDER = "packs"


class PacksInUse(Mapping[str, Pack]):
    """The packs in force by slug. `replace` changes them all at once: whoever walks over `items()` meanwhile sees the old ones to the end."""

    def __init__(self, packs: Mapping[str, Pack]) -> None:
        self._written = dict(packs)
        self._packs = self._written
        self._lay: Callable[[Mapping[str, Pack]], Mapping[str, Pack]] = dict

    @property
    def written(self) -> Mapping[str, Pack]:
        """The packs as their files say, without what was decided in the app."""
        return self._written

    def replace(self, packs: Mapping[str, Pack]) -> None:
        """Put these in force, as their files say them, with what was decided laid over them."""
        self._written = dict(packs)
        self.lay_again()

    def lay_over(self, lay: Callable[[Mapping[str, Pack]], Mapping[str, Pack]]) -> None:
        """From now on `lay` says what the packs become by what was decided in the app."""
        self._lay = lay
        self.lay_again()

    def lay_again(self) -> None:
        """Ask again what was decided: something was, or has come into force."""
        self._packs = dict(self._lay(self._written))

    def __getitem__(self, slug: str) -> Pack:
        return self._packs[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self._packs)

    def __len__(self) -> int:
        return len(self._packs)

    def keys(self) -> KeysView[str]:
        return self._packs.keys()

    def values(self) -> ValuesView[Pack]:
        return self._packs.values()

    def items(self) -> ItemsView[str, Pack]:
        return self._packs.items()


def own_folder(data_dir: Path) -> Path:
    """Where a data folder's own packs lie; it need not exist."""
    return data_dir / OWN_FOLDER


def known_files(settings: Settings) -> dict[str, Path]:
    """Every pack that may be in force: own ones first, each in place of a shipped one of its name. Raises PackError without a folder."""
    if not settings.packs_dir.is_dir():
        raise PackError("no such folder", str(settings.packs_dir), "set ROOMLEFT_PACKS_DIR to the folder of the packs")
    own = {} if settings.demo else pack_files(own_folder(settings.data_dir))
    return {**own, **{slug: path for slug, path in pack_files(settings.packs_dir).items() if slug not in own}}


def files_in_force(settings: Settings, stored: Collection[str] = ()) -> dict[str, Path]:
    """The packs in force. `stored` are the platforms that have data. Raises PackError, or SettingsError for a source without a pack."""
    known = known_files(settings)
    for slug in settings.packs:
        if slug not in known:
            raise PackError(f"no pack '{slug}'", str(settings.packs_dir), nearest(slug, known, "packs"))
    for source in settings.sources:
        if source.platform not in known:
            raise SettingsError(
                f"no pack describes the platform {source.platform!r}",
                f"sources.{source.platform}",
                f"packs here: {', '.join(known) or 'none'}; `bin/roomleft connect platform-api URL` writes one",
            )
    if settings.demo:
        return {slug: known[slug] for slug in settings.packs or known}
    own = pack_files(own_folder(settings.data_dir))
    wanted = {*own, *settings.packs, *(source.platform for source in settings.sources), *stored}
    return {slug: path for slug, path in known.items() if slug in wanted}


def load_each(files: Mapping[str, Path]) -> tuple[dict[str, Pack], dict[str, PackError]]:
    """The packs that are right, and what is wrong with each other one."""
    packs: dict[str, Pack] = {}
    refused: dict[str, PackError] = {}
    for slug, path in files.items():
        try:
            packs[slug] = load_pack(path)
        except PackError as error:
            refused[slug] = error
    return packs, refused


def load_in_force(settings: Settings, stored: Collection[str] = ()) -> dict[str, Pack]:
    """The packs in force, read. Raises PackError if any of them has a fault: a server does not start on half of what it is to watch."""
    packs, refused = load_each(files_in_force(settings, stored))
    faults = list(refused.values())
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise PackError("\n".join(str(fault) for fault in faults), "packs", f"{len(faults)} packs have faults")
    return packs
