"""`token`: bearer tokens for programs, and a new sign-in link for a person."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from roomleft.cli.ask import located, own_state
from roomleft.cli.client import Client
from roomleft.cli.output import err, print_json, print_table
from roomleft.errors import InputError, RoomleftError
from warehouse.state import Scope, StateDb, Tokens


@contextlib.contextmanager
def state() -> Iterator[StateDb]:
    """The state database of the data folder in force; a running server may have it open too."""
    settings, _ = located()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with own_state(settings) as db:
        yield db


def run_token_add(name: str, scopes: Sequence[str]) -> None:
    """Make a token and print it last, alone on standard output."""
    known = {scope.value for scope in Scope}
    if unknown := sorted(set(scopes) - known):
        raise InputError(f"unknown scope {unknown[0]!r}", "--scope", f"one of {', '.join(sorted(known))}")
    with state() as db:
        secret = Tokens(db).add(name, {Scope(scope) for scope in scopes})
    err.print(f"Token {name!r} with scope {', '.join(scopes)}. It is shown once:", soft_wrap=True)
    sys.stdout.write(secret + "\n")


def run_token_list(as_json: bool) -> None:
    """Print every token, never its secret."""
    with state() as db:
        tokens = Tokens(db).list()
    names = ("name", "scopes", "created_at", "last_used_at", "revoked_at")
    rows: list[dict[str, Any]] = [
        {name: getattr(token, name) for name in names} | {"scopes": sorted(token.scopes)} for token in tokens
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(names, [[", ".join(row[name]) if name == "scopes" else row[name] for name in names] for row in rows])


def run_token_revoke(name: str) -> None:
    """Revoke a token by name."""
    with state() as db:
        if not Tokens(db).revoke(name):
            raise InputError(f"there is no live token {name!r}", "token revoke", "`bin/roomleft token list` shows them")
    err.print(f"Token {name!r} no longer opens anything.", soft_wrap=True)


def run_token_link() -> None:
    """Print a sign-in link for the running server."""
    settings, server = located()
    if server is None:
        raise RoomleftError(
            "no server is running", str(settings.data_dir), "start one with `bin/roomleft serve` or `demo`; it prints a link"
        )
    sys.stdout.write(Client(server).post("/api/v1/sign-in-link")["url"] + "\n")
