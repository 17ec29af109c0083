"""`user forget`: erases a person. Through the server when one runs."""

from __future__ import annotations

from typing import Any

from roomleft.cli.ask import located, own_state, own_store
from roomleft.cli.client import Client
from roomleft.cli.output import err, print_json

PATIENCE_S = 3600.0


def run_forget(user: str, as_json: bool) -> int:
    """Erase a person, and say what was erased and what is left; 1 if anything is."""
    done = _forgotten(user)
    if as_json:
        print_json(done)
        return 1 if done["left"] or not done["rewritten"] else 0
    rows = ", ".join(f"{rows:,} of {table}" for table, rows in done["erased"].items())
    known = "Their pseudonym leads to nobody now." if done["known"] else "They had no pseudonym."
    err.print(f"{known} Rows erased or rid of the name: {rows or 'none'}.", soft_wrap=True)
    if done["rewritten"]:
        err.print(
            "The files were written anew: their bytes hold nothing of it. Backups and the platform's own records do.",
            soft_wrap=True,
        )
    for each in done["left"]:
        err.print(f"Left: {each}.", soft_wrap=True)
    return 1 if done["left"] or not done["rewritten"] else 0


def _forgotten(user: str) -> Any:
    settings, server = located()
    if server is not None:
        return Client(server, timeout_s=PATIENCE_S).post("/api/v1/users/forget", json={"user": user})
    from dataclasses import asdict

    from warehouse.forget import forget

    with own_store(settings) as store, own_state(settings) as state:
        return asdict(forget(store, state, user, "command line", settings.data_dir))
