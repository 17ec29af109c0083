"""`connect KIND …`: the commands that begin to watch a source, one for each kind, with that kind's own options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

connect_cli = typer.Typer(
    help="Watch something of yours: looks at it, writes a pack with sensible limits, starts watching, shows the first figures.",
    no_args_is_help=True,
)

Platform = Annotated[
    str | None,
    typer.Option(
        help="The platform it belongs to: one there is, or a new one's name. By default the only one, or the address's name."
    ),
]
Name = Annotated[str | None, typer.Option(help="What the source is called within the platform.")]
Component = Annotated[str | None, typer.Option(help="The part of the platform that its readings belong to.")]
Zone = Annotated[
    str | None, typer.Option(help="Where a new platform's days begin, for example Europe/Berlin; UTC unless told otherwise.")
]
Interval = Annotated[str | None, typer.Option(help="How often it is looked at, for example 30s.")]
Timeout = Annotated[str | None, typer.Option(help="How long one look may take, for example 10s.")]
PasswordEnv = Annotated[str | None, typer.Option("--password-env", help="The variable that holds the password.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
TokenEnv = Annotated[str | None, typer.Option("--token-env", help="The variable that holds the bearer token.")]
TokenStdin = Annotated[bool, typer.Option("--token-stdin", help="Read the bearer token from standard input.")]
Budget = Annotated[
    str | None, typer.Option("--budget-usd", help="The budget for AI calls a month, in dollars; assumed when absent.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before writing.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Look, print the pack that would be written, write nothing.")]
NoStart = Annotated[bool, typer.Option("--no-start", help="Do not start a server where none runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def _run(kind: str, url: str, options: dict[str, Any], **rest: Any) -> None:
    from roomleft.cli.connect_run import run_connect
    from roomleft.cli.connect_wish import Wish

    given = {name: value for name, value in options.items() if value not in (None, [], ())}
    raise typer.Exit(run_connect(Wish(kind, url, options=given, **rest)))


@connect_cli.command("postgres")
def postgres(
    url: Annotated[str, typer.Argument(help="postgresql://user@host/database")],
    platform: Platform = None,
    name: Name = None,
    component: Component = None,
    zone: Zone = None,
    password_env: PasswordEnv = None,
    password_stdin: PasswordStdin = False,
    replica: Annotated[list[str] | None, typer.Option(help="NAME=URL of a streaming replica; may be repeated.")] = None,
    slow_ms: Annotated[int | None, typer.Option(min=1, help="From how many ms on a statement counts as slow.")] = None,
    interval: Interval = None,
    timeout: Timeout = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    no_start: NoStart = False,
    as_json: Json = False,
) -> None:
    """A PostgreSQL server: connections, slow statements, replication, cache hits, sizes."""
    _run(
        "postgres", url, {"interval": interval, "timeout": timeout, "slow_ms": slow_ms}, platform=platform, name=name, component=component,
        zone=zone, secret_env=password_env, secret_stdin=password_stdin, replicas=replica or (), yes=yes, dry_run=dry_run,
        start=not no_start, as_json=as_json,
    )  # fmt: skip


@connect_cli.command("redis")
def redis(
    url: Annotated[str, typer.Argument(help="redis://host:6379, rediss:// for TLS")],
    platform: Platform = None,
    name: Name = None,
    component: Component = None,
    zone: Zone = None,
    password_env: PasswordEnv = None,
    password_stdin: PasswordStdin = False,
    interval: Interval = None,
    timeout: Timeout = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    no_start: NoStart = False,
    as_json: Json = False,
) -> None:
    """A Redis server: memory, clients, evictions, hits."""
    _run(
        "redis", url, {"interval": interval, "timeout": timeout}, platform=platform, name=name, component=component, zone=zone,
        secret_env=password_env, secret_stdin=password_stdin, yes=yes, dry_run=dry_run, start=not no_start, as_json=as_json,
    )  # fmt: skip


@connect_cli.command("prometheus")
def prometheus(
    url: Annotated[str, typer.Argument(help="A page of metrics: http://host:9100/metrics")],
    platform: Platform = None,
    name: Name = None,
    component: Component = None,
    zone: Zone = None,
    token_env: TokenEnv = None,
    token_stdin: TokenStdin = False,
    label: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for every series; may be repeated.")] = None,
    interval: Interval = None,
    timeout: Timeout = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    no_start: NoStart = False,
    as_json: Json = False,
) -> None:
    """A page of metrics, in the Prometheus text format or OpenMetrics: any exporter, or an application's own."""
    from roomleft.cli.connect_wish import labels_of

    _run(
        "prometheus", url, {"interval": interval, "timeout": timeout, "labels": labels_of(label or ()) or None}, platform=platform,
        name=name, component=component, zone=zone, secret_env=token_env, secret_stdin=token_stdin, yes=yes, dry_run=dry_run,
        start=not no_start, as_json=as_json,
    )  # fmt: skip


@connect_cli.command("prometheus-server")
def prometheus_server(
    url: Annotated[str, typer.Argument(help="A Prometheus server: http://host:9090")],
    platform: Platform = None,
    name: Name = None,
    component: Component = None,
    zone: Zone = None,
    token_env: TokenEnv = None,
    token_stdin: TokenStdin = False,
    back_fill: Annotated[
        str | None, typer.Option(help="How far back its history is read, for example 30d; 90d unless told otherwise.")
    ] = None,
    interval: Interval = None,
    timeout: Timeout = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    no_start: NoStart = False,
    as_json: Json = False,
) -> None:
    """A Prometheus server you have: its series by PromQL, and the history it keeps. Nothing is scraped a second time."""
    _run(
        "prometheus-server", url, {"interval": interval, "timeout": timeout, "back_fill": back_fill}, platform=platform, name=name,
        component=component, zone=zone, secret_env=token_env, secret_stdin=token_stdin, yes=yes, dry_run=dry_run, start=not no_start,
        as_json=as_json,
    )  # fmt: skip


@connect_cli.command("probe")
def probe(
    url: Annotated[str, typer.Argument(help="https://host/health, tcp://host:port, or tls://host:port for a certificate")],
    platform: Platform = None,
    name: Name = None,
    component: Component = None,
    zone: Zone = None,
    expect_status: Annotated[
        list[int] | None, typer.Option(min=100, max=599, help="A status that is right; may be repeated.")
    ] = None,
    expect_text: Annotated[str | None, typer.Option(help="Words that the answer must hold.")] = None,
    interval: Interval = None,
    timeout: Timeout = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    no_start: NoStart = False,
    as_json: Json = False,
) -> None:
    """A look from outside: does it answer, how fast, until when does its certificate hold."""
    _run(
        "probe", url, {"interval": interval, "timeout": timeout, "expect_status": expect_status, "expect_text": expect_text},
        platform=platform, name=name, component=component, zone=zone, yes=yes, dry_run=dry_run, start=not no_start, as_json=as_json,
    )  # fmt: skip


@connect_cli.command("platform-api")
def platform_api(
    url: Annotated[str, typer.Argument(help="A platform that speaks docs/platform-api.md: https://host/api")],
    platform: Platform = None,
    zone: Zone = None,
    token_env: TokenEnv = None,
    token_stdin: TokenStdin = False,
    budget_usd: Budget = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    no_start: NoStart = False,
    as_json: Json = False,
) -> None:
    """A platform's own API: health, readings, AI usage and business days, with their history."""
    _run(
        "platform-api", url, {}, platform=platform, zone=zone, secret_env=token_env, secret_stdin=token_stdin, budget_usd=budget_usd,
        yes=yes, dry_run=dry_run, start=not no_start, as_json=as_json,
    )  # fmt: skip


@connect_cli.command("push")
def push(
    platform: Platform = None,
    component: Component = None,
    zone: Zone = None,
    budget_usd: Budget = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    no_start: NoStart = False,
    as_json: Json = False,
) -> None:
    """A platform that sends its own rows: makes a token that may push, and prints the lines that do it."""
    from roomleft.cli.connect_bring import run_push
    from roomleft.cli.connect_wish import Wish

    wish = Wish(
        "push", platform=platform, component=component, zone=zone, budget_usd=budget_usd, yes=yes, dry_run=dry_run, start=not no_start,
        as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(run_push(wish))


@connect_cli.command("file")
def file(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV, Parquet or NDJSON file; .gz is read too.")],
    as_: Annotated[str, typer.Option("--as", help="usage, samples or business")] = "usage",
    platform: Platform = None,
    component: Component = None,
    zone: Zone = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help="COLUMN=FIELD, as for import.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE for every row.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="The zone of times in the file that carry none.")] = None,
    start_at: Annotated[str | None, typer.Option(help="The instant that relative times count from.")] = None,
    budget_usd: Budget = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    no_start: NoStart = False,
    as_json: Json = False,
) -> None:
    """A file of usage: imports it, and watches what `import` brings later."""
    from roomleft.cli.connect_bring import run_file
    from roomleft.cli.connect_wish import Wish

    wish = Wish(
        "file", platform=platform, component=component, zone=zone, budget_usd=budget_usd, yes=yes, dry_run=dry_run, start=not no_start,
        as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(run_file(wish, path, as_, map_ or [], set_ or [], time_zone, start_at))
