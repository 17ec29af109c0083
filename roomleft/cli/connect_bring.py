"""`connect push` and `connect file`: platforms whose data somebody else brings."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from roomleft.cli.connect_run import Drawn, finish, usage_drawn
from roomleft.cli.connect_wish import Wish, checked_zone
from roomleft.clock import Clock
from roomleft.credentials import Credentials
from roomleft.datadir import RunningServer, running
from roomleft.errors import InputError
from roomleft.settings import Settings, load_settings

PUSHED_AFTER = timedelta(days=1)
"""A platform that pushed nothing for a day is not known to be quiet."""
BROUGHT_AFTER = timedelta(days=35)
"""Files come by the month."""
MOST_TOKENS = 100


def run_push(wish: Wish) -> int:
    """Write a pack for pushed usage, make a token that may push, and print the lines that do it."""
    settings = load_settings()
    checked_zone(wish)
    drawn = usage_drawn(settings, wish, PUSHED_AFTER, ("usage, samples and business days, pushed over HTTP",))

    def wrote() -> None:
        drawn.made["token"] = _token(settings, drawn.place.slug)

    def ready(server: RunningServer) -> None:
        if not wish.as_json:
            print(push_lines(server.url, drawn.place.slug, drawn.made["token"]))
            sys.stdout.flush()

    code = finish(settings, wish, drawn, Credentials(settings.data_dir), wrote=wrote, ready=ready)
    if not (wish.dry_run or wish.start or wish.as_json) and running(settings.data_dir) is None:
        print(push_lines(f"http://127.0.0.1:{settings.port}", drawn.place.slug, drawn.made["token"]))
    return code


def push_lines(url: str, slug: str, token: str) -> str:
    """What a shell runs to push each kind of row. The token is in a variable, so that it can be kept out of scripts."""
    now = Clock().now()
    at, day = now.isoformat(timespec="seconds").replace("+00:00", "Z"), now.date().isoformat()
    usage = (
        f'{{"id": "call-1", "occurred_at": "{at}", "provider": "openai", "model": "gpt-4o", "input_tokens": 1200, "output_tokens": 300, '
        '"status": "ok"}'
    )
    samples = f'{{"component": "ai", "name": "queue_length", "observed_at": "{at}", "value": 3}}'
    business = f'{{"day": "{day}", "tier": "all", "active_users": 120, "revenue_usd": "49.90"}}'
    lines = [f"TOKEN={token}   # may push, nothing else; it is shown once"]
    for stream, row in (("usage", usage), ("samples", samples), ("business", business)):
        lines.append(
            f"curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d '[{row}]' '{url}/api/v1/{stream}?platform={slug}'"
        )
    return "\n".join(lines)


def _token(settings: Settings, slug: str) -> str:
    """A new token of a name that was never used: an old one cannot be shown again."""
    from warehouse.state import Scope, StateDb, Tokens

    db = StateDb.open(settings.state_url, Clock())
    try:
        tokens = Tokens(db)
        used = {token.name for token in tokens.list()}
        names = [f"push-{slug}", *(f"push-{slug}-{number}" for number in range(2, MOST_TOKENS))]
        free = next((name for name in names if name not in used), None)
        if free is None:
            raise InputError(
                f"{MOST_TOKENS - 1} tokens were made for {slug}",
                "tokens",
                "`bin/roomleft token add NAME --scope ingest` makes one more",
            )
        return tokens.add(free, {Scope.INGEST})
    finally:
        db.close()


def run_file(wish: Wish, file: Path, as_: str, maps: list[str], sets: list[str], zone: str | None, start: str | None) -> int:
    """Write a pack for imported usage and import the file into it."""
    from collectors.files.importer import import_file
    from roomleft.cli.bring import run_import

    settings = load_settings()
    checked_zone(wish)
    drawn: Drawn = usage_drawn(settings, wish, BROUGHT_AFTER, (f"{file.name} as {as_}",))
    slug = drawn.place.slug
    # What is wrong with the file or its columns is told before anything is written.
    import_file(
        file, as_, known_platforms=(slug,), now=Clock().now(), platform=slug, maps=maps, sets=sets, zone=zone, start=start
    )

    codes: list[int] = []

    def wrote() -> None:
        server = running(settings.data_dir)
        if server is not None:
            from roomleft.cli.connect_start import hand_over

            hand_over(server, slug)
        codes.append(run_import(file, as_, slug, maps, sets, zone, start, False, (settings, server)))

    return finish(settings, wish, drawn, Credentials(settings.data_dir), wrote=wrote) or max(codes, default=0)
