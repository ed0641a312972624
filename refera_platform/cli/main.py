"""Commands of ``refera``: each one parses its arguments, calls one package, and prints the result.

The exit code is 0 only when everything succeeded (130 after Ctrl-C, 143 after SIGTERM). An error is printed as one
sentence, with its traceback only after ``--debug``.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from refera_platform.cli import output
from refera_platform.cli.interrupt import Stopped
from refera_platform.disk import disk_full_error, is_disk_full
from refera_platform.errors import ReferaError, SettingError
from refera_platform.settings.stage import home_folder, load_stage

app = typer.Typer(
    name="refera",
    help="Operational databases into an S3 lake and a star schema, every day, without losing a row.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
DEBUG = "--debug"
EXAMPLE = "[bold]Examples[/bold]"
NO_SANDBOX = "The local servers and the sample business are not part of this installation:"


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error.")] = False,
) -> None:
    """Operational databases into an S3 lake and a star schema, every day, without losing a row."""


@app.command(epilog=f"{EXAMPLE}: refera up · refera up --ui --port 3100")
def up(
    ui: Annotated[bool, typer.Option("--ui", help="Open the Dagster UI on the stack; stays until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Port of the UI; another one is picked when it is taken.")] = 3000,
) -> None:
    """Start the local stack: a private MariaDB and a private S3."""
    from refera_platform.sandbox import stack

    with output.progress_steps(None, "Starting the local stack") as progress:
        address = stack.start_stack(home_folder(), progress.advance)
    output.print_message(f"MariaDB at {address.mariadb.host}:{address.mariadb.port}, S3 at {address.s3.endpoint}")
    if ui:
        from refera_platform.cli.ui import serve_ui

        serve_ui(home_folder(), port)


@app.command(epilog=f"{EXAMPLE}: refera down · refera down --wipe")
def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete its data as well.")] = False,
) -> None:
    """Stop the local stack; its data stays."""
    from refera_platform.sandbox import stack

    stack.stop_stack(home_folder(), wipe=wipe)
    output.print_message("The local stack is down" + (" and its data deleted." if wipe else "; its data stays."))


@app.command(epilog=f"{EXAMPLE}: refera status · refera status --format json | jq .servers.mariadb")
def status(
    form: Annotated[str, typer.Option("--format", help="table or json (with credentials).")] = "table",
) -> None:
    """Say what runs, where, and who may enter."""
    from refera_platform.cli.status import print_status

    if not print_status(home_folder(), form):
        raise typer.Exit(1)


@app.command(epilog=f"{EXAMPLE}: refera restore backup.sql · refera restore backup.sql.gz")
def restore(dump: Annotated[Path, typer.Argument(help="A mysqldump file, plain or gzipped.")]) -> None:
    """Load a mysqldump file into the local source, all of it or nothing."""
    from refera_platform.cli.demo import show_restored
    from refera_platform.sandbox import stack
    from refera_platform.sandbox.dump.restore import restore_dump as load_dump

    with output.progress_steps(None, f"Restoring {dump.name}") as progress:
        stack.start_stack(home_folder(), progress.advance)
        report = load_dump(
            home_folder(), dump, lambda done, total: progress.update(done, total, f"Reading {dump.name}")
        )
    show_restored(report)
    output.print_message("Next: refera run")


@app.command(epilog=f"{EXAMPLE}: refera simulate --days 1 · refera simulate --days 3 --seed 7 --scale 10")
def simulate(
    days: Annotated[int, typer.Option(min=0, help="Days of business to add.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Another seed is another business; only on a new sample.")] = None,
    scale: Annotated[float | None, typer.Option(help="1 is about 330 orders; 1000 about 3 million lines.")] = None,
) -> None:
    """Add dated business activity to the sample source, which is made when it is not there."""
    from refera_platform.cli.demo import print_simulated_days
    from refera_platform.sandbox import stack

    stack.start_stack(home_folder(), output.print_message)
    print_simulated_days(home_folder(), days, seed, scale)
    output.print_message("Next: refera run")


@app.command(
    epilog=f"{EXAMPLE}: refera run · refera run --day 2026-11-22 · refera run --from 2026-11-20 --to 2026-11-22"
    " · refera run --select orders,ans_sales_by_product · refera run --full-refresh"
)
def run(
    day: Annotated[str, typer.Option(help="The day to fill; the newest full day by default.")] = "",
    first: Annotated[str, typer.Option("--from", help="First day of a range, done in one run.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day of a range.")] = "",
    select: Annotated[str, typer.Option(help="Tables, models or groups, comma-separated; everything by default.")] = "",
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Build the warehouse from all days, not from the changes.")
    ] = False,
) -> None:
    """Extract a day into the lake, build and audit the warehouse, publish the answers."""
    from refera_platform.cli.run import requested_days, run_days, run_newest_day

    stage = load_stage()
    if not (day or first or last):
        run_newest_day(stage, select, full_refresh=full_refresh)
        return
    run_days(stage, requested_days(stage.clock, day, first, last), select, full_refresh=full_refresh)


@app.command(epilog=f"{EXAMPLE}: refera query 'show tables' · refera query --format csv 'from ans_sales_by_product'")
def query(
    sql: Annotated[str, typer.Argument(help="One reading statement; - reads it from standard input.")],
    form: Annotated[str, typer.Option("--format", help="table, csv, tsv, json or parquet.")] = "table",
    into: Annotated[Path | None, typer.Option("--output", help="File to write; standard output by default.")] = None,
) -> None:
    """Ask the published warehouse (by table name) and the lake (classicmodels.orders, …)."""
    from refera_platform.cli.query import print_query as answer
    from refera_platform.cli.query import read_statement

    answer(load_stage(), read_statement() if sql == "-" else sql, form, into)


@app.command(
    "as-of",
    epilog=f"{EXAMPLE}: refera as-of 2026-11-21 orders · refera as-of 2026-11-21 customers --format csv",
)
def as_of(
    day: Annotated[str, typer.Argument(help="A captured day, like 2026-11-21.")],
    table: Annotated[str, typer.Argument(help="A source table: orders, or classicmodels.orders.")],
    form: Annotated[str, typer.Option("--format", help="table, csv, tsv, json or parquet.")] = "table",
    into: Annotated[Path | None, typer.Option("--output", help="File to write; standard output by default.")] = None,
) -> None:
    """Show a source table as it was at the end of a captured day."""
    from refera_platform.cli.query import print_as_of as show_then
    from refera_platform.cli.run import requested_days
    from refera_platform.source.catalog import find_table

    stage = load_stage()
    show_then(stage, find_table(table), requested_days(stage.clock, day, "", "")[0], form, into)


@app.command(
    epilog=f"{EXAMPLE}: refera report · refera report --open --language pt · refera report --output sales.html"
)
def report(
    opening: Annotated[bool, typer.Option("--open", help="Show a copy of it in your browser.")] = False,
    into: Annotated[
        Path | None, typer.Option("--output", help="File of the copy; in the stage's home by default.")
    ] = None,
    language: Annotated[str, typer.Option(help="en or pt: how the copy opens; the browser's by default.")] = "",
    docs: Annotated[bool, typer.Option("--docs", help="dbt's documentation instead of the report.")] = False,
) -> None:
    """Say where the report of the seven answers is, or show it."""
    from refera_platform.cli.report import print_report as show_report

    show_report(load_stage(), is_opened=opening, into=into, language=language, is_docs=docs)


@app.command(
    epilog=f"{EXAMPLE}: refera resnapshot orders · refera resnapshot orders customers · refera resnapshot --all"
)
def resnapshot(
    tables: Annotated[list[str] | None, typer.Argument(help="Source tables: orders, or classicmodels.orders.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every declared table.")] = False,
) -> None:
    """Take a new snapshot: all rows as they are now, and the deletes that this implies."""
    from refera_platform.cli.resnapshot import resnapshot_tables as take
    from refera_platform.source.catalog import TABLES, find_table

    if bool(tables) == every:
        raise SettingError("refera resnapshot needs a table:", "name some, or say --all.")
    take(load_stage(), TABLES if every else [find_table(name) for name in tables or ()])


@app.command(epilog=f"{EXAMPLE}: refera verify")
def verify() -> None:
    """Compare source, lake and warehouse value by value; name the first difference."""
    from refera_platform.cli.verify import print_comparisons

    if not print_comparisons(load_stage()):
        raise typer.Exit(1)


@app.command(epilog=f"{EXAMPLE}: refera doctor · refera doctor --format json | jq .findings")
def doctor(
    form: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
) -> None:
    """Look at every precondition: source, privileges, log, buckets, clocks; each with its remedy."""
    from refera_platform.cli.doctor import print_diagnosis

    if not print_diagnosis(load_stage(), form):
        raise typer.Exit(1)


@app.command(epilog=f"{EXAMPLE}: refera alert · refera alert --test")
def alert(
    test: Annotated[bool, typer.Option("--test", help="Send a message through each channel.")] = False,
) -> None:
    """Show who is notified when something is wrong, and send a test message."""
    from refera_platform.cli.alert import print_channels as show_channels

    if not show_channels(load_stage(), test=test):
        raise typer.Exit(1)


@app.command(
    epilog=f"{EXAMPLE}: refera discover mysql://reader@db.example.com/shop · refera discover - --output shop.py < url"
)
def discover(
    url: Annotated[
        str,
        typer.Argument(
            help="mysql://user:password@host:port/schema; without a password it is asked for; - reads the URL from"
            " standard input."
        ),
    ],
    name: Annotated[
        str,
        typer.Option("--schema-name", help="What the database is called here; made from its schema by default."),
    ] = "",
    into: Annotated[
        Path | None, typer.Option("--output", help="New file to write; standard output by default.")
    ] = None,
) -> None:
    """Write the table declarations of a new source from its own catalogue."""
    from refera_platform.cli.discover import print_declarations

    print_declarations(url, name, into)


@app.command(epilog=f"{EXAMPLE}: refera demo · refera demo --dump backup.sql")
def demo(
    dump: Annotated[Path | None, typer.Option(help="A mysqldump file instead of the sample.")] = None,
    days: Annotated[int, typer.Option(min=1, help="Simulated days.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 1,
    scale: Annotated[float, typer.Option(help="Size of the sample.")] = 1.0,
) -> None:
    """Start over and go the whole way: source, lake, warehouse, answers. Forgets earlier local data."""
    from refera_platform.cli.demo import run_demo

    run_demo(home_folder(), dump, days, seed, scale)


def main() -> None:
    """Run a command; the only place that turns errors into messages and exit codes."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        app()
    except BrokenPipeError:  # the reader of our output has closed it, as ``head`` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Stopped as stopped:
        output.print_message("Stopped: what was committed counts; run it again.")
        sys.exit(128 + stopped.number)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("refera_platform.sandbox"):
            raise
        sys.exit(output.print_error(SettingError(NO_SANDBOX, "run it from a checkout, on your own machine.")))
    except Exception as error:
        shown_error = disk_full_error(error, home_folder()) if is_disk_full(error, home_folder()) else error
        if DEBUG in sys.argv[1:2] or not isinstance(shown_error, ReferaError):
            raise
        sys.exit(output.print_error(shown_error))
