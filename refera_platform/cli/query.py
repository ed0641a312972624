"""``refera query`` and the printed answers."""

import sys
import tempfile
from datetime import date
from itertools import islice
from pathlib import Path

from refera_platform.answers.questions import QUESTIONS
from refera_platform.answers.session import FORMATS, Session, fetched, opened
from refera_platform.cli.output import output, printable, table
from refera_platform.duckdb_session.quoting import quoted
from refera_platform.errors import QueryError
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable

SHOWN = 100
"""Rows of a table printed for people; the other formats give all."""
FEW = 8
"""Rows of each answer in a summary."""


def read_statement() -> str:
    """The statement on standard input.

    Raises:
        QueryError: for bytes that are no text.
    """
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise QueryError("The statement on standard input is not UTF-8:", "save it as UTF-8.") from None


def query(stage: Stage, sql: str, form: str, into: Path | None) -> None:
    """Answer one statement on standard output, or into a file.

    Raises:
        QueryError: when it cannot be answered.
    """
    _require_known(form)
    with opened(stage) as session:
        _answer(session, sql, form, into)


def as_of(stage: Stage, table: SourceTable, day: date, form: str, into: Path | None) -> None:
    """Show a source table as it was at the end of a day.

    Raises:
        QueryError: for a day that nobody looked at.
    """
    _require_known(form)
    with opened(stage) as session:
        _answer(session, session.as_of(table, day), form, into)


def _require_known(form: str) -> None:
    if form not in FORMATS:
        raise QueryError(f"--format {form!r} is not known:", f"choose one of {', '.join(FORMATS)}.")


def _answer(session: Session, sql: str, form: str, into: Path | None) -> None:
    if form == "table" and into is None:
        names, rows = fetched(session.query(sql))
        first = list(islice(rows, SHOWN))
        output().print(table("", names, first, more=sum(1 for _ in rows)))
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


def answers(stage: Stage) -> None:
    """Print the answers to the seven questions, a few rows each."""
    console = output()
    with opened(stage) as session:
        for question in QUESTIONS:
            console.print(f"\n[bold]{question.number}. {question.english}[/bold] [dim]· {question.portuguese}[/dim]")
            for answer in question.answers:
                ordered = f"select * from {quoted(answer.model)} order by {answer.order}"
                names, rows = fetched(session.query(f"{ordered} limit {FEW}"))
                total = session.published.models[answer.model].rows
                console.print(table(answer.model, names, rows, more=max(0, total - FEW)))
