"""The command line: `bin/roomleft COMMAND`. Each command's own module is imported only when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from roomleft import __version__
from roomleft.cli.alert_test import alerts_test
from roomleft.cli.alerts import alerts_replay
from roomleft.cli.connect import connect_cli
from roomleft.cli.expect import expect_cli
from roomleft.cli.output import fail
from roomleft.cli.recipient import recipient_cli
from roomleft.cli.silence import alerts_ack, silence_cli
from roomleft.cli.user import user_cli
from roomleft.errors import RoomleftError

cli = typer.Typer(
    name="roomleft",
    help="How much room is left, when it runs out, how sure we are, and what more costs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
token_cli = typer.Typer(help="Bearer tokens for programs.", no_args_is_help=True)
cli.add_typer(token_cli, name="token")
cli.add_typer(connect_cli, name="connect")
report_cli = typer.Typer(help="What the pages show, as a file to keep, send or print.", no_args_is_help=True)
cli.add_typer(report_cli, name="report")
cli.add_typer(user_cli, name="user")
cli.add_typer(silence_cli, name="silence")
cli.add_typer(expect_cli, name="expect")
cli.add_typer(recipient_cli, name="recipient")
alerts_cli = typer.Typer(help="Alerts: take one on, try who is told, replay rules over history.", no_args_is_help=True)
cli.add_typer(alerts_cli, name="alerts")
alerts_cli.command("ack")(alerts_ack)
alerts_cli.command("replay")(alerts_replay)
alerts_cli.command("test")(alerts_test)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")]


def main() -> None:
    """Run the command line. An error ends as three lines (what, where, what to do): exit code 1, or 2 for words it does not know."""
    try:
        sys.exit(cli(prog_name="roomleft", standalone_mode=False))
    except TyperException as error:
        _misspelt(error)
        sys.exit(error.exit_code)
    except RoomleftError as error:
        fail(error)
        sys.exit(1)


def _misspelt(error: TyperException) -> None:
    """An unknown command or option, or a value that does not fit."""
    words = error.format_message().rstrip(".")
    if not words:  # no command at all: the help is already printed
        return
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "roomleft"
    fail(RoomleftError(words, where, f"`bin/{where} --help` lists what there is"))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"roomleft {__version__}")
        raise typer.Exit


@cli.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options before any command."""


@cli.command()
def demo(
    packs: Annotated[
        str | None, typer.Option(help="Platforms to play, comma separated; all that can be played when absent.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="Days of history.")] = 90,
    fault: Annotated[list[str] | None, typer.Option(help="A fault that is on from the start; may be repeated.")] = None,
    speed: Annotated[float, typer.Option(min=0.01, max=3600, help="How many times faster than the wall the clock runs.")] = 1.0,
    port: Port = None,
) -> None:
    """Play AI platforms with 90 days of history, and watch them: everything on this machine, nothing to set up."""
    from roomleft.cli.run import run_demo

    run_demo([slug.strip() for slug in (packs or "").split(",") if slug.strip()], days, fault or [], speed, port)


@cli.command()
def fault(
    name: Annotated[str | None, typer.Argument(help="The fault; all are listed when absent.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Switch it off again.")] = False,
    platform: Annotated[str | None, typer.Option(help="Only this platform.")] = None,
) -> None:
    """Break a running demo's platform, or mend it."""
    from roomleft.cli.faults import run_fault

    run_fault(name, off, platform)


@cli.command()
def serve(
    port: Port = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback unless told otherwise.")] = None,
    settings: Annotated[Path | None, typer.Option(help="Settings file; ./roomleft.toml when there is one.")] = None,
) -> None:
    """Watch your platforms: settings from roomleft.toml and ROOMLEFT_* variables."""
    from roomleft.cli.run import run_serve

    run_serve(settings, {"port": port, "host": host})


@cli.command()
def reload(as_json: Json = False) -> None:
    """Put edited packs, alert rules, SLOs and alerting.yaml in force at the running server. One with a fault is refused, and stays as it was."""
    from roomleft.cli.reload import run_reload

    raise typer.Exit(run_reload(as_json))


@cli.command()
def check(
    path: Annotated[
        Path | None,
        typer.Argument(help="A pack, alert rules, SLOs, alerting.yaml, or a folder of them; what is in force here when absent."),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="Print every figure of the platforms and whether it is reproduced.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Validate settings, packs, alert rules, SLOs and alerting.yaml, and run the pack tests."""
    from roomleft.cli.check import run_check

    raise typer.Exit(run_check(path, figures, as_json))


@cli.command()
def status(as_json: Json = False) -> None:
    """Every limit with its headroom, worst first. Exit 2 if any is unknown, else 1 if any is tight or exhausted, else 0."""
    from roomleft.cli.ask import run_status

    raise typer.Exit(run_status(as_json))


@cli.command()
def scrape(
    targets: Annotated[list[str], typer.Argument(help="URLs, or files; .gz is read too, - is standard input.")],
    format_: Annotated[str | None, typer.Option("--format", help="text or openmetrics; told by the content when absent.")] = None,
    token_env: Annotated[str | None, typer.Option(help="A variable whose bearer token is sent.")] = None,
    as_json: Json = False,
) -> None:
    """Show what metrics pages give, or the line and reason they are refused. Exit 1 if any is."""
    from roomleft.cli.scrape import run_scrape

    raise typer.Exit(run_scrape(targets, format_, as_json, token_env))


@cli.command()
def price(
    file: Annotated[
        str,
        typer.Argument(help="One response a line: bodies, recorded exchanges or streams; .gz is read too, - is standard input."),
    ],
    provider: Annotated[str, typer.Option(help="Who answered, by its id in genai-prices: openai, anthropic, google, aws …")],
    at: Annotated[str | None, typer.Option(help="At the prices of this instant; each response's own time when absent.")] = None,
    as_json: Json = False,
) -> None:
    """Show what responses used and what that costs, line by line. Exit 1 if any is refused."""
    from roomleft.cli.price import run_price

    raise typer.Exit(run_price(file, provider, at, as_json))


@cli.command("sql")
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, or DESCRIBE, SHOW TABLES, SUMMARIZE.")], as_json: Json = False
) -> None:
    """Ask the warehouse one read-only question."""
    from roomleft.cli.ask import run_sql

    run_sql(query, as_json)


@cli.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="A CSV, Parquet or NDJSON file, or a metrics page (.prom, .om); .gz is read too.")],
    as_: Annotated[str, typer.Option("--as", help="usage, samples or business")],
    platform: Annotated[str | None, typer.Option(help="The platform the rows belong to.")] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="COLUMN=FIELD, comma separated or repeated; COLUMN*NUMBER multiplies.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE for every row.")] = None,
    zone: Annotated[str | None, typer.Option(help="The zone of times that carry none, for example UTC.")] = None,
    start: Annotated[str | None, typer.Option(help="The instant that relative times count from.")] = None,
    as_json: Json = False,
) -> None:
    """Load a file. The same file twice adds nothing."""
    from roomleft.cli.bring import run_import

    raise typer.Exit(run_import(file, as_, platform, map_ or [], set_ or [], zone, start, as_json))


@cli.command()
def reprice(
    since: Annotated[str, typer.Option(help="The first day (UTC), or an RFC 3339 instant.")],
    until: Annotated[str, typer.Option(help="The day after the last, or an instant; not included.")],
    platform: Annotated[str | None, typer.Option(help="Only this platform.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Append the differences; without it nothing changes.")] = False,
    as_json: Json = False,
) -> None:
    """What past calls cost by the prices as known now, by model and day. Closed books refuse."""
    from roomleft.cli.reprice import run_reprice

    raise typer.Exit(run_reprice(since, until, platform, provider, model, apply, as_json))


@cli.command()
def close(
    period: Annotated[
        str | None, typer.Argument(help="2026-10, 2026-10-05, 2026-Q3 or 2026; what is closed is listed when absent.")
    ] = None,
    platform: Annotated[str | None, typer.Option(help="Only this platform's books.")] = None,
    zone: Annotated[str, typer.Option(help="The zone its days are of.")] = "UTC",
    note: Annotated[str, typer.Option(help="Why, for the audit.")] = "",
    as_json: Json = False,
) -> None:
    """Close the books of a period that is over: no cost in it may change any more."""
    from roomleft.cli.close import run_close

    raise typer.Exit(run_close(period, platform, zone, note, as_json))


@cli.command()
def reopen(
    period: Annotated[str, typer.Argument(help="The period as it was closed.")],
    platform: Annotated[str | None, typer.Option(help="The platform it was closed for.")] = None,
    zone: Annotated[str, typer.Option(help="The zone it was closed in.")] = "UTC",
    as_json: Json = False,
) -> None:
    """Open closed books again."""
    from roomleft.cli.close import run_reopen

    raise typer.Exit(run_reopen(period, platform, zone, as_json))


@cli.command("start-over")
def start_over(
    platform: Annotated[str, typer.Argument(help="The source's platform.")],
    stream: Annotated[str, typer.Argument(help="usage, samples, health-history, deploys or business")],
) -> None:
    """Read a stream again from its beginning, after its platform was rebuilt. What is stored is not doubled."""
    from roomleft.cli.bring import run_start_over

    run_start_over(platform, stream)


@cli.command()
def doctor(as_json: Json = False) -> None:
    """Look for what is wrong with this installation, and say what to do."""
    from roomleft.cli.verify import run_doctor

    raise typer.Exit(run_doctor(as_json))


@token_cli.command("add")
def token_add(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    scope: Annotated[list[str], typer.Option(help="ingest, read or admin; may be repeated.")],
) -> None:
    """Make a token. Its secret is printed last, once; only a hash is kept."""
    from roomleft.cli.access import run_token_add

    run_token_add(name, scope)


@token_cli.command("list")
def token_list(as_json: Json = False) -> None:
    """Tokens, their scopes and when each was last used."""
    from roomleft.cli.access import run_token_list

    run_token_list(as_json)


@token_cli.command("revoke")
def token_revoke(name: Annotated[str, typer.Argument(help="The token's name.")]) -> None:
    """Make a token useless, at once."""
    from roomleft.cli.access import run_token_revoke

    run_token_revoke(name)


@token_cli.command("link")
def token_link() -> None:
    """Print a new one-time sign-in link for a running server."""
    from roomleft.cli.access import run_token_link

    run_token_link()


@cli.command("forecast")
def forecasts(
    platform: Annotated[str | None, typer.Option(help="Only this platform.")] = None,
    target: Annotated[str | None, typer.Option(help="One series, for example shop/ai_cost: its days too.")] = None,
    as_json: Json = False,
) -> None:
    """What comes, each series in a sentence, and how earlier forecasts came out; exit 1 if nothing has been forecast yet."""
    from roomleft.cli.forecast import run_forecast

    raise typer.Exit(run_forecast(platform, target, as_json))


@report_cli.command("weekly")
def report_weekly(
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="With --email: whom to send it to.")
    ] = None,
    platforms: Annotated[str | None, typer.Option(help="Only these, comma separated; all of them when absent.")] = None,
    zone: Annotated[str, typer.Option(help="The zone of its dates, for example Europe/Berlin.")] = "UTC",
    email: Annotated[bool, typer.Option("--email", help="Send it now: to each ADDRESS, or to every recipient.")] = False,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="A folder for the report as HTML, text and workbook.")] = None,
) -> None:
    """The weekly report as of now: decisions, movers of cost, budgets, room left, track record. Exit 1 if a part is missing or a copy was not sent."""
    from roomleft.cli.report_weekly import run_weekly

    slugs = [slug.strip() for slug in (platforms or "").split(",") if slug.strip()]
    raise typer.Exit(run_weekly(slugs, zone, as_json, out, email, addresses or []))


@report_cli.command("capacity")
def report_capacity(
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="With --email: whom to send it to.")
    ] = None,
    platform: Annotated[str | None, typer.Option(help="Only this platform; each of them when absent.")] = None,
    email: Annotated[bool, typer.Option("--email", help="Send it now: to each ADDRESS, or to every recipient.")] = False,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="A folder for the report as HTML, text and workbook.")] = None,
) -> None:
    """What runs out and when: forecasts, recommendations, limits, budgets, tiers, risks. Exit 2 if nothing is known, 1 if something is called for."""
    from roomleft.cli.report_capacity import run_capacity

    raise typer.Exit(run_capacity(platform, as_json, out, email, addresses or []))


@report_cli.command("cost")
def report_cost(
    user: Annotated[str | None, typer.Option(help="Only this user, as the platform names them or by pseudonym.")] = None,
    platform: Annotated[str | None, typer.Option(help="Only this platform; each of them when absent.")] = None,
    period: Annotated[
        str | None, typer.Option(help="How far it looks back, for example 30d; as the pack says when absent.")
    ] = None,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="A folder for the report as HTML, text and workbook.")] = None,
) -> None:
    """What a user or a platform cost: totals, splits, peak hours, projection, trend, efficiency, advice. From the running server."""
    from roomleft.cli.report import run_cost

    raise typer.Exit(run_cost(platform, user, period, as_json, out))


@report_cli.command("health")
def report_health(
    platform: Annotated[str | None, typer.Option(help="Only this platform; each of them when absent.")] = None,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="The folder of the HTML file; this one when absent.")] = None,
) -> None:
    """How a platform is: components, golden signals, hops, targets, limits, risks, cost. From the running server."""
    from roomleft.cli.report import run_health

    raise typer.Exit(run_health(platform, as_json, out))
