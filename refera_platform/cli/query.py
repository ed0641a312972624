"""``refera query``: prints the result of one reading statement, or writes it to a file.

``answers.session`` executes the statement. ``cli.as_of`` writes its rows the same way.
"""

import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from refera_platform.answers.session import OUTPUT_FORMATS, QuerySession, fetch_rows, open_query_session
from refera_platform.cli.output import printable, results_console, results_table
from refera_platform.errors import QueryError
from refera_platform.project.load import load_project
from refera_platform.settings.stage import load_stage

EXAMPLES = ("refera query 'show tables'", "refera query --format csv 'from ans_sales_by_product'")
MAX_ROWS_SHOWN = 100
"""Rows of a table printed for people; the other formats print all."""


def query(
    sql: Annotated[str, typer.Argument(help="One reading statement; - reads it from standard input.")],
    form: Annotated[str, typer.Option("--format", help="table, csv, tsv, json or parquet.")] = "table",
    into: Annotated[Path | None, typer.Option("--output", help="File to write; standard output by default.")] = None,
) -> None:
    """Execute the statement and print its result.

    Raises:
        QueryError: when the statement fails.
    """
    stage = load_stage()
    statement = _read_statement() if sql == "-" else sql
    require_known_format(form)
    with open_query_session(stage, load_project(stage.project_folder)) as session:
        write_result(session, statement, form, into)


def _read_statement() -> str:
    """Read the statement from standard input.

    Raises:
        QueryError: for bytes that are not text.
    """
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise QueryError("The statement on standard input is not UTF-8:", "save it as UTF-8.") from None


def require_known_format(form: str) -> None:
    """Refuse an unknown format before anything is opened.

    Raises:
        QueryError: for an unknown format.
    """
    if form not in OUTPUT_FORMATS:
        raise QueryError(f"--format {form!r} is not known:", f"choose one of {', '.join(OUTPUT_FORMATS)}.")


def write_result(session: QuerySession, sql: str, form: str, into: Path | None) -> None:
    """Print the result of a statement to standard output, or write it to a file.

    Raises:
        QueryError: when the statement fails, or the format does not suit where it goes.
    """
    if form == "table" and into is None:
        names, rows = fetch_rows(session.query(sql))
        first = list(islice(rows, MAX_ROWS_SHOWN))
        results_console().print(results_table("", names, first, hidden_count=sum(1 for _ in rows)))
        return
    if form == "table":
        raise QueryError("A table is for people to read:", "choose --format csv, tsv, json or parquet for a file.")
    if form == "parquet" and into is None and sys.stdout.isatty():
        raise QueryError("Parquet is not for a terminal:", "redirect it, or name a file with --output.")
    if into is not None:
        session.save(sql, into, form)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"answer.{form}"
        session.save(sql, path, form)
        if sys.stdout.isatty():
            with path.open(encoding="utf-8", newline="") as lines:
                sys.stdout.writelines(map(printable, lines))
            return
        with path.open("rb") as content:
            while chunk := content.read(1 << 20):
                sys.stdout.buffer.write(chunk)
