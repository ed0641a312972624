"""``refera query``, ``refera as-of`` and the printed answers.

``answers.session`` executes the statements.
"""

import sys
import tempfile
from datetime import date
from itertools import islice
from pathlib import Path

from refera_platform.answers.questions import QUESTIONS
from refera_platform.answers.session import OUTPUT_FORMATS, QuerySession, fetch_rows, open_query_session
from refera_platform.cli.output import printable, results_console, results_table
from refera_platform.duckdb_session.quoting import quoted
from refera_platform.errors import QueryError
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable

MAX_ROWS_SHOWN = 100
"""Rows of a table printed for people; the other formats print all."""
ANSWER_ROWS_SHOWN = 8
"""Rows of each answer in a summary."""


def read_statement() -> str:
    """Read the statement from standard input.

    Raises:
        QueryError: for bytes that are not text.
    """
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise QueryError("The statement on standard input is not UTF-8:", "save it as UTF-8.") from None


def print_query(stage: Stage, sql: str, form: str, into: Path | None) -> None:
    """Execute one statement and print its result to standard output, or write it to a file.

    Raises:
        QueryError: when the statement fails.
    """
    _require_known_format(form)
    with open_query_session(stage) as session:
        _write_answer(session, sql, form, into)


def print_as_of(stage: Stage, table: SourceTable, day: date, form: str, into: Path | None) -> None:
    """Print a source table as it was at the end of a day.

    Raises:
        QueryError: for an unobserved day.
    """
    _require_known_format(form)
    with open_query_session(stage) as session:
        _write_answer(session, session.rows_as_of(table, day), form, into)


def _require_known_format(form: str) -> None:
    if form not in OUTPUT_FORMATS:
        raise QueryError(f"--format {form!r} is not known:", f"choose one of {', '.join(OUTPUT_FORMATS)}.")


def _write_answer(session: QuerySession, sql: str, form: str, into: Path | None) -> None:
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


def print_answers(stage: Stage) -> None:
    """Print the answers to the seven questions, a few rows each."""
    console = results_console()
    with open_query_session(stage) as session:
        for question in QUESTIONS:
            console.print(f"\n[bold]{question.number}. {question.english}[/bold] [dim]· {question.portuguese}[/dim]")
            for answer in question.answers:
                answer_sql = f"select * from {quoted(answer.model)} order by {answer.order_by}"
                names, rows = fetch_rows(session.query(f"{answer_sql} limit {ANSWER_ROWS_SHOWN}"))
                total = session.published.models[answer.model].rows
                console.print(results_table(answer.model, names, rows, hidden_count=max(0, total - ANSWER_ROWS_SHOWN)))
