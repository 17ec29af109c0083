"""What a person asked `connect` for, and where it will be written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from getpass import getpass
from pathlib import Path
from typing import Any

from roomleft.cli.connect_address import Address, platform_slug, slug_of
from roomleft.credentials import Credentials
from roomleft.datadir import KIND_FILE
from roomleft.errors import InputError, PackError, SettingsError
from roomleft.packs import load_pack
from roomleft.packs_fields import zone_hint
from roomleft.packs_shelf import own_folder, pack_files
from roomleft.packs_write import Data
from roomleft.packs_yaml import read_yaml
from roomleft.settings import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked: the kind, where, and how to go about it. `options` are the source's own, in the form a pack writes them."""

    kind: str
    url: str = ""
    platform: str | None = None
    name: str | None = None
    component: str | None = None
    zone: str | None = None
    secret_env: str | None = None
    secret_stdin: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    replicas: Sequence[str] = ()
    budget_usd: str | None = None
    yes: bool = False
    dry_run: bool = False
    as_json: bool = False
    start: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """The own pack that a source goes to. `data` and `text` are empty for a new one; `why` says how its name was found."""

    slug: str
    path: Path
    data: Data
    text: str
    why: str

    @property
    def title(self) -> str:
        """What a new pack is called."""
        return self.slug.replace("-", " ").capitalize()


def place_for(settings: Settings, wish: Wish, address: Address | None) -> Place:
    """The pack to write to: the one named, else the only own one there is, else one named after the address.

    Raises SettingsError in a demo's folder, PackError for a pack that has faults or comes with the program.
    """
    try:
        mark = (settings.data_dir / KIND_FILE).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        mark = ""
    if mark == "demo":
        raise SettingsError(
            "this folder belongs to a demo",
            str(settings.data_dir),
            "set ROOMLEFT_DATA_DIR to another: demo data and real data never mix",
        )
    own = pack_files(own_folder(settings.data_dir))
    if wish.platform is not None:
        slug, why = wish.platform, ""
        if slug != slug_of(slug):
            raise InputError(
                f"{slug[:60]!r} is not a platform's name",
                "--platform",
                f"small letters, digits and -: {slug_of(slug) or 'for example shop'}",
            )
    elif len(own) == 1:
        (slug,) = own
        why = "the only platform here; --platform names another"
    else:
        slug, why = platform_slug(address), "--platform names it otherwise"
    path = own_folder(settings.data_dir) / f"{slug}.yaml"
    if slug not in own:
        if slug in pack_files(settings.packs_dir):
            raise PackError(
                f"a pack of that name comes with the program: {slug}",
                str(settings.packs_dir / f"{slug}.yaml"),
                f"choose another name with --platform; or, if this is that platform, write [sources.{slug}] and its url in roomleft.toml",
            )
        return Place(slug, path, {}, "", why)
    pack = load_pack(path)
    document = read_yaml(path)
    if wish.zone is not None and wish.zone != pack.zone:
        raise InputError(f"the days of {slug} begin in {pack.zone}", "--zone", f"leave it out, or change `zone` in {path}")
    assert isinstance(document.data, dict), "a pack that loads is a map"
    return Place(slug, path, document.data, path.read_text(encoding="utf-8"), why)


def secret_variable(slug: str, name: str, word: str) -> str:
    """The name a secret is kept under: SHOP_POSTGRES_PASSWORD."""
    text = f"{slug}_{name}_{word}" if name else f"{slug}_{word}"
    return text.upper().replace("-", "_")[:100]


def given_secret(wish: Wish, variable: str, in_address: str | None, credentials: Credentials, word: str) -> str | None:
    """The secret a person gave: on standard input, in a variable, in the address, or at an earlier time."""
    if wish.secret_stdin:
        secret = sys.stdin.readline().rstrip("\r\n")
        if not secret:
            raise InputError(
                f"there is no {word} on standard input",
                f"--{word}-stdin",
                f'for example: printf %s "$SECRET" | bin/roomleft connect … --{word}-stdin',
            )
        return secret
    if wish.secret_env:
        secret = credentials.get(variable) or ""
        if not secret:
            raise InputError(
                f"the variable {variable} is not set",
                f"--{word}-env",
                f"export it, or leave the option out to be asked for the {word}",
            )
        return secret
    return in_address or credentials.get(variable)


def asked_secret(word: str, host: str, read: Callable[[str], str] = getpass) -> str | None:
    """The secret as typed at a terminal, unseen; None where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return read(f"{word.capitalize()} for {host}: ") or None


def budget_of(wish: Wish) -> Decimal | None:
    """The budget in dollars, exact. Raises InputError."""
    if wish.budget_usd is None:
        return None
    try:
        amount = Decimal(wish.budget_usd.replace(",", "").lstrip("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 < amount < Decimal("1e12"):
        raise InputError(
            f"{wish.budget_usd[:40]!r} is not an amount of dollars", "--budget-usd", "write for example 500 or 1250.50"
        )
    return amount


def checked_zone(wish: Wish) -> str | None:
    """The zone that was asked for. Raises InputError for one there is not."""
    from roomleft.timespan import known_zones

    if wish.zone is not None and wish.zone not in known_zones():
        raise InputError(f"unknown time zone {wish.zone[:60]!r}", "--zone", zone_hint(wish.zone))
    return wish.zone


def labels_of(pairs: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE pairs as labels. Raises InputError."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"{pair[:60]!r} is not a label", "--label", "write NAME=VALUE, for example region=eu")
        found[name] = value
    return found
