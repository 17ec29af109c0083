"""`connect`: look at a source, say what was found, write it into a pack, start watching, show the first figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from roomleft.cli.connect_address import Address, free_name, read_address
from roomleft.cli.connect_look import Looked, entry_of, kind_at, look, other_kind, wants_secret
from roomleft.cli.connect_pack import (
    NAMES,
    additions,
    api_additions,
    component_for,
    known_source,
    taken_names,
    usage_additions,
)
from roomleft.cli.connect_start import first_figures, hand_over, serve_and_tell, source_faults, tell_figures
from roomleft.cli.connect_wish import (
    Place,
    Wish,
    asked_secret,
    budget_of,
    checked_zone,
    given_secret,
    place_for,
    secret_variable,
)
from roomleft.cli.connect_write import drafted, write
from roomleft.cli.output import err, print_json
from roomleft.clock import Clock
from roomleft.credentials import Credentials
from roomleft.datadir import RunningServer, claim, running
from roomleft.errors import CollectError, InputError
from roomleft.packs import Pack
from roomleft.packs_write import Data
from roomleft.settings import Settings, load_settings

SECRET_WORD = {"postgres": "password", "redis": "password"}
"""What a kind calls its secret; a token where nothing is said."""
FRESH_PAGES = "15s"
"""How often a metrics page is scraped unless told otherwise: what scrapers usually do, and soon enough for a first figure."""
USAGE_COMPONENT = {"id": "ai", "title": "AI", "summary": "AI calls"}


@dataclass(slots=True)
class Outcome:
    """What connecting came to, for `--json`."""

    kind: str
    platform: str
    source: str
    pack: str
    created: bool
    found: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    limits: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, str]] = field(default_factory=list)
    """What is wrong with the platform's sources after the wait."""


@dataclass(slots=True)
class Drawn:
    """A connection that is ready to be made: where, what is added, which secrets are kept."""

    place: Place
    add: Data
    looked: Looked
    source: str
    secrets: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    """What was made besides the pack, for `--json`: the token of a platform that pushes."""


def run_connect(wish: Wish) -> int:
    """Connect a source that is read over the network. 0 also where some figures need more time."""
    settings = load_settings()
    checked_zone(wish)
    credentials = Credentials(settings.data_dir)
    drawn = _drawn_api(settings, wish, credentials) if wish.kind == "platform-api" else _drawn(settings, wish, credentials)
    return finish(settings, wish, drawn, credentials)


def _drawn(settings: Settings, wish: Wish, credentials: Credentials) -> Drawn:
    address = read_address(wish.kind, wish.url)
    if wish.kind == "prometheus" and urlsplit(address.url).path in ("", "/"):
        address = replace(address, url=_page_of(address.url))
    place = place_for(settings, wish, address)
    before = known_source(wish.kind, address.url, place.data)
    name = wish.name or (str(before["name"]) if before else free_name(NAMES[wish.kind], taken_names(place.data), address))
    if before is None and name in taken_names(place.data):
        raise InputError(f"{place.slug} has another source called {name!r}", "--name", "choose another name, or leave it out")
    component = wish.component or (str(before["component"]) if before else component_for(wish.kind, name, place.data))
    word = SECRET_WORD.get(wish.kind, "token")
    variable = wish.secret_env or str((before or {}).get(f"{word}_env") or secret_variable(place.slug, name, word))
    replicas, address = _replicas(wish, address)
    usual = {"interval": FRESH_PAGES} if wish.kind == "prometheus" and before is None else {}
    data = {
        **(before or {}),
        **usual,
        "kind": wish.kind,
        "name": name,
        "component": component,
        "url": address.url,
        **wish.options,
    }
    data |= {"replicas": replicas} if replicas else {}
    secret = None if wish.kind == "probe" else given_secret(wish, variable, address.secret, credentials, word)

    def tried(given: str | None) -> Looked:
        return look(entry_of({**data, f"{word}_env": variable} if given else data), given, Clock().now())

    looked, secret = _looked(tried, secret, word, address)
    source = {**data, f"{word}_env": variable} if secret else data
    add = additions(place.slug, place.title, wish.zone, place.data, source, looked.found)
    return Drawn(place, add, looked, f"{place.slug}.{name}", {variable: secret} if secret else {})


def _page_of(url: str) -> str:
    """The metrics page of a host: people know where an exporter is, and its page is at /metrics. A Prometheus server is left to `look`."""
    there = kind_at(url)
    if there is None:
        return f"{url.rstrip('/')}/metrics"
    return there[1] if there[0] == "prometheus" else url


def _drawn_api(settings: Settings, wish: Wish, credentials: Credentials) -> Drawn:
    from collectors.fetch import Patience
    from collectors.platform_api.discover import discover_platform_api
    from collectors.platform_api.source import SourceConfig

    address = read_address(wish.kind, wish.url)
    address = replace(address, url=address.url.rstrip("/"))
    place = place_for(settings, wish, address)
    there = (place.data.get("source") or {}).get("url")
    if there is not None and there.rstrip("/") != address.url:
        raise InputError(
            f"{place.slug} is read at {there} already",
            "--platform",
            "a platform has one API of its own: choose another name with --platform",
        )
    variable = wish.secret_env or str(
        (place.data.get("source") or {}).get("token_env") or secret_variable(place.slug, "", "token")
    )
    budget = budget_of(wish)
    patience = Patience(read_timeout_s=settings.collect_timeout_s)

    def tried(given: str | None) -> Looked:
        config = SourceConfig(place.slug, address.url, given or "", patience=patience)
        try:
            offered = discover_platform_api(config, Clock().now(), budget)
        except CollectError as error:
            raise other_kind(wish.kind, address.url, error) or error from None
        return Looked(offered.found, offered.components)

    looked, secret = _looked(tried, given_secret(wish, variable, address.secret, credentials, "token"), "token", address)
    source = {"url": address.url, **({"token_env": variable} if secret else {})}
    add = api_additions(place.slug, place.title, wish.zone, place.data, source, looked.components, looked.found)
    if there is not None:
        add.pop("source", None)
    return Drawn(place, add, looked, place.slug, {variable: secret} if secret else {})


def _looked(tried: Callable[[str | None], Looked], secret: str | None, word: str, address: Address) -> tuple[Looked, str | None]:
    """Look; where the source wants a secret and nobody gave one, ask for it once and look again."""
    try:
        return tried(secret), secret
    except CollectError as error:
        if secret is not None or not wants_secret(error):
            raise
        typed = asked_secret(word, address.host)
        if typed is None:
            hint = f"give the {word} with --{word}-stdin, or in a variable named by --{word}-env"
            raise CollectError(error.what, error.where, hint, retryable=False) from None
        return tried(typed), typed


def _replicas(wish: Wish, address: Address) -> tuple[list[Data], Address]:
    """The replicas as a pack holds them. They are read with the primary's password."""
    found: list[Data] = []
    for text in wish.replicas:
        name, equals, url = text.partition("=")
        if not equals:
            raise InputError(
                "a replica is NAME=URL", "--replica", "for example --replica second=postgresql://user@host2/database"
            )
        replica = read_address("postgres", url, "--replica")
        if replica.secret and address.secret and replica.secret != address.secret:
            raise InputError(
                "a replica's password differs from the primary's",
                "--replica",
                "they are read with one password: connect it as a source of its own",
            )
        address = replace(address, secret=address.secret or replica.secret)
        found.append({"name": name, "url": replica.url})
    return found, address


def finish(
    settings: Settings,
    wish: Wish,
    drawn: Drawn,
    credentials: Credentials,
    *,
    wrote: Callable[[], None] = lambda: None,
    ready: Callable[[RunningServer], None] = lambda server: None,
) -> int:
    """Tell what was found, write it, start it. `wrote` runs when the pack is there, `ready` when a server watches it."""
    place, found = drawn.place, drawn.looked.found
    outcome = Outcome(
        wish.kind, place.slug, drawn.source, str(place.path), not place.data, list(found.lines), list(found.warnings)
    )
    text, pack = drafted(place, drawn.add)
    _tell_found(wish, drawn, outcome)
    if wish.dry_run:
        if wish.as_json:
            print_json(_as_dict(outcome) | {"text": text.text})
        else:
            print(text.text, end="")
        return 0
    _confirm(wish, drawn, pack)
    claim(settings.data_dir, "serve")
    write(place, text.text, credentials, drawn.secrets)
    if not text.kept:
        err.print(
            "The pack had a form that lines cannot be added to, so it was written anew, without its comments.", soft_wrap=True
        )
    err.print(f"{'Wrote' if outcome.created else 'Added to'} {_short(place.path)}", soft_wrap=True)
    if drawn.secrets:
        err.print(f"The secret is kept apart from it, in {_short(credentials.path)}, which only you can read.", soft_wrap=True)
    wrote()
    _start(settings, wish, drawn, outcome, ready)
    return 0


def _start(settings: Settings, wish: Wish, drawn: Drawn, outcome: Outcome, ready: Callable[[RunningServer], None]) -> None:
    slug = drawn.place.slug

    def tell(server: RunningServer) -> None:
        ready(server)
        if wish.kind == "push":
            rows = []
        else:
            err.print("Waiting for the first figures …", soft_wrap=True)
            added = {f"{slug}.{limit['id']}" for limit in drawn.add.get("limits", ())}
            rows = first_figures(server, slug, added, settings.measure_every_s)
        outcome.limits = [row for row in rows if row["platform"] == slug]
        outcome.faults = [fault.as_dict() for fault in source_faults(server, slug)]
        if wish.as_json:
            print_json(_as_dict(outcome) | drawn.made)
        elif rows:
            tell_figures(server, slug, rows)
        err.print(f"See it at {server.url}/platforms/{slug} (`bin/roomleft token link` signs a browser in).", soft_wrap=True)

    server = running(settings.data_dir)
    if server is not None:
        for fault in hand_over(server, slug):
            err.print(f"another pack has a fault and stays as it was: {fault}", soft_wrap=True, markup=False)
        tell(server)
    elif wish.start:
        err.print(
            f"No server runs in {_short(settings.data_dir)}: starting one here. Ctrl-C stops it; `bin/roomleft serve` starts it again.",
            soft_wrap=True,
        )
        serve_and_tell(settings, tell)
    else:
        err.print("No server runs: `bin/roomleft serve` starts one, and it will watch this.", soft_wrap=True)
        if wish.as_json:
            print_json(_as_dict(outcome) | drawn.made)


def _tell_found(wish: Wish, drawn: Drawn, outcome: Outcome) -> None:
    place = drawn.place
    why = f" ({place.why})" if place.why else ""
    err.print(f"{wish.kind} for the platform {place.slug}{why}", style="bold", soft_wrap=True)
    for line in outcome.found:
        err.print(f"  {line}", soft_wrap=True, markup=False)
    for warning in outcome.warnings:
        err.print(f"  note: {warning}", soft_wrap=True, markup=False)
    limits = drawn.add.get("limits", [])
    if limits:
        err.print(
            f"  {len(limits)} limit{'' if len(limits) == 1 else 's'}: " + "; ".join(str(limit["title"]) for limit in limits),
            soft_wrap=True,
            markup=False,
        )
    elif place.data:
        err.print("  no new limits: the pack has them already", soft_wrap=True)


def _confirm(wish: Wish, drawn: Drawn, pack: Pack) -> None:
    """Ask before anything is written, where somebody can be asked. Raises InputError for a no."""
    import sys

    if wish.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    verb = "Add this to" if drawn.place.data else "Write"
    err.print(
        f"{verb} {_short(drawn.place.path)}, a pack of {len(pack.limits)} limits that you may edit? [Y/n] ",
        end="",
        soft_wrap=True,
        markup=False,
    )
    if sys.stdin.readline().strip().lower() not in ("", "y", "yes"):
        raise InputError("nothing was written", "connect", "--dry-run prints the pack instead")


def _short(path: Path) -> str:
    """A path as people type it: from here where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _as_dict(outcome: Outcome) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in Outcome.__slots__}


def usage_drawn(settings: Settings, wish: Wish, stale_after: timedelta, lines: tuple[str, ...]) -> Drawn:
    """A pack for usage that is pushed or imported."""
    from collectors.discover_usage import usage_parts

    place = place_for(settings, wish, None)
    component = {**USAGE_COMPONENT, "id": wish.component or "ai"}
    found = usage_parts(budget_of(wish), stale_after, component=str(component["id"]))
    add = usage_additions(place.slug, place.title, wish.zone, place.data, component, found)
    return Drawn(place, add, Looked(replace(found, lines=lines)), place.slug)
