"""Query session: a read-only DuckDB session over one publication of the warehouse and the raw tables of the lake.

It reads no local file and no address but the two roots of the stage, and no statement can change that. Published
tables are views of the objects that the manifest names, which never change. So all queries of a session read the
same publication, even while another one is written.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from refera_platform.answers.history import rows_as_of
from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.secrets import redact
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.errors import QueryError, error_kind
from refera_platform.lake.lake import Lake, object_rows, raw_rows, read_state_texts, run_sql
from refera_platform.lake.object_state import RawState
from refera_platform.lake.objects import ObjectRoot
from refera_platform.project.model import Project
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.publish.manifest import Publication, published_relation, read_publication

EXPLAIN_PATTERN = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*explain\b(\s+analyze\b)?(\s*\([^)]*\))?", re.IGNORECASE | re.DOTALL
)
ERROR_HINTS = {
    "Referenced column": "`describe TABLE` shows the columns of a table; write a text in 'single quotes'.",
    "Ambiguous reference": "Write the table or its alias in front of the column.",
    "must appear in the GROUP BY": "Add the column to GROUP BY (or write `group by all`), or sum it up.",
    "Permission Error": "A query reads what was published and the lake, and no other file and no other address.",
    "Parser Error": "Ask with one SELECT; write texts in 'single quotes' and unusual names in \"double quotes\".",
    "Conversion Error": "Cast with `try_cast`, which gives NULL for what does not fit.",
}
"""Hints for DuckDB's messages, by a part of the message."""
NO_PARAMETERS: Mapping[str, Any] = {}
OUTPUT_FORMATS = ("table", "csv", "tsv", "json", "parquet")


class QuerySession:
    """Published tables by name, raw tables as ``database.table``. Open one with :func:`open_query_session`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, published: Publication, lake: Lake, project: Project, folder: Path
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._lake = lake
        self._project = project
        self.published = published

    def rows_as_of(self, table: SourceTable, day: date) -> str:
        """SQL of a source table as it was at the end of an ingested day.

        Raises:
            QueryError: for a day that was not ingested.
        """
        return rows_as_of(self._lake, self._connection, table, day)

    def query(self, sql: str, parameters: Mapping[str, Any] = NO_PARAMETERS) -> duckdb.DuckDBPyConnection:
        """Run one reading statement.

        Args:
            sql: The statement.
            parameters: Values for the ``$names`` in it; names that it does not have are ignored.

        Raises:
            QueryError: with DuckDB's message, or because the statement would write.
        """
        return self._run(self._require_read_only(sql), parameters)

    def save(self, sql: str, path: Path, output_format: str) -> None:
        """Write the result of one reading statement to a local file as ``csv``, ``tsv``, ``json`` or ``parquet``.

        Raises:
            QueryError: when the statement fails, or the file cannot be written.
        """
        options = {
            "csv": "format csv, header",
            "tsv": "format csv, header, delimiter '\t'",
            "json": "format json, array true",
            "parquet": "format parquet, compression zstd",
        }[output_format]
        if EXPLAIN_PATTERN.match(sql):
            raise QueryError("EXPLAIN draws a plan for people:", "leave out --format and --output.")
        # the session may write into its own folder only; the move also shows nobody half a result
        answer_file = self._folder / f"answer.{output_format}"
        self._run(f"copy (select * from ({self._require_read_only(sql)}\n)) to {literal(str(answer_file))} ({options})")
        try:
            shutil.move(answer_file, path)
        except OSError as refused:
            raise QueryError(
                f"{path} cannot be written ({refused.strerror}):", "name another file with --output."
            ) from None

    def _require_read_only(self, sql: str, *, may_pivot: bool = True) -> str:
        """Return the one statement of ``sql``.

        Raises:
            QueryError: when it is not exactly one statement, or would write.
        """
        try:
            parsed = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise self._to_query_error(error) from None
        text = sql.strip().rstrip("; \n")
        if explain_prefix := EXPLAIN_PATTERN.match(text):
            # EXPLAIN ANALYZE runs the statement that it explains
            return f"{explain_prefix[0]} {self._require_read_only(text[explain_prefix.end() :], may_pivot=False)}"
        if _is_pivot(parsed):
            if not may_pivot:
                raise QueryError(
                    "DuckDB does not explain a PIVOT that looks for its columns itself:",
                    "name them, as in `pivot t on month in (1, 2)`.",
                )
            return text
        if len(parsed) != 1:
            raise QueryError(f"One statement was expected and {len(parsed)} were given:", "ask one at a time.")
        statement = parsed[0]
        if statement.type != duckdb.StatementType.SELECT:
            raise QueryError(
                f"The query session only reads, and this is a {statement.type.name} statement:",
                "ask with SELECT, FROM, SHOW, DESCRIBE, SUMMARIZE or EXPLAIN.",
            )
        return text

    def _run(self, sql: str, parameters: Mapping[str, Any] = NO_PARAMETERS) -> duckdb.DuckDBPyConnection:
        try:
            if not parameters:
                return self._connection.execute(sql)
            names = {name for each in self._connection.extract_statements(sql) for name in each.named_parameters}
            return self._connection.execute(sql, {name: parameters[name] for name in names & parameters.keys()})
        except duckdb.Error as error:
            raise self._to_query_error(error) from None

    def _to_query_error(self, error: duckdb.Error) -> QueryError:
        message, public = redact(str(error), []).strip(), _public_message(error)
        hint = next((hint for sign, hint in ERROR_HINTS.items() if sign in message), "")
        if "Table with name" in message:
            hint = f"The tables are {', '.join([*self.published.models, *self._raw_table_names()])}."
        return QueryError(message, hint, public_problem=public)

    def _raw_table_names(self) -> list[str]:
        return [table.address for table in self._project.tables]


def _public_message(error: duckdb.Error) -> str:
    return f"The query failed ({error_kind(error)})."


def _is_pivot(parsed: Sequence[duckdb.Statement]) -> bool:
    """Whether the statements are one PIVOT: DuckDB adds statements that create the types of its columns."""
    if len(parsed) < 2:
        return False
    *types, last = parsed
    return last.type == duckdb.StatementType.SELECT and all(
        each.type == duckdb.StatementType.CREATE and not each.query for each in types
    )


@contextmanager
def open_query_session(stage: Stage, project: Project) -> Iterator[QuerySession]:
    """Open the present publication of the warehouse.

    Args:
        stage: Stage with the lake and the warehouse.
        project: Its tables, which can be queried as ``database.table``.

    Raises:
        QueryError: when nothing has been ingested or published.
    """
    with scratch_folder(stage) as folder, open_duckdb_session(stage, folder, is_caching=True) as connection:
        root = ObjectRoot(stage.warehouse, stage.store)
        published = read_publication(root)
        for name, model in published.models.items():
            # the columns of an answer are a contract; the column that its objects are named after is not among them
            columns = f"* exclude ({quoted(model.stored_by)})" if model.stored_by and name.startswith("ans_") else "*"
            run_sql(
                connection,
                f"create view {quoted(name)} as select {columns} from {published_relation(root, name, model)}",
            )
        lake = Lake(stage)
        raw_tables = _register_lake(connection, lake, project)
        if not published.models and not raw_tables:
            raise QueryError("Nothing has been captured or published yet:", "start with `refera run`.")
        _lock_down(connection, [stage.lake, stage.warehouse, str(folder)])
        yield QuerySession(connection, published, lake, project, folder)


def _lock_down(connection: duckdb.DuckDBPyConnection, roots: Sequence[str]) -> None:
    """Restrict statements to reading below the roots. They cannot undo the restriction."""
    allowed = ", ".join(literal(f"{root}/") for root in roots)
    run_sql(connection, f"set allowed_directories = [{allowed}]")
    run_sql(connection, "set enable_external_access = false; set lock_configuration = true")


def _register_lake(connection: duckdb.DuckDBPyConnection, lake: Lake, project: Project) -> list[str]:
    registered = []
    stored_days = {table: stored for table in project.tables if (stored := lake.stored_days(table))}
    newest_states = read_state_texts(connection, [stored[max(stored)].url for stored in stored_days.values()])
    for table, stored in stored_days.items():
        url = stored[max(stored)].url
        if RawState.from_json(newest_states.get(url, ""), url).schema_since:  # older days have other types
            rows = object_rows(list(lake.days(table, connection).values()), with_day=True)
        else:
            rows = raw_rows([item.url for item in stored.values()], with_day=True)
        run_sql(connection, f"create schema if not exists {quoted(table.database)}")
        view = f"{quoted(table.database)}.{quoted(table.name)}"
        run_sql(connection, f"create view {view} as select * from {rows}")
        registered.append(table.address)
    return registered


def fetch_rows(cursor: duckdb.DuckDBPyConnection) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Column names and rows of a result, a batch at a time."""
    names = [column[0] for column in cursor.description or ()]

    def rows() -> Iterator[tuple[Any, ...]]:
        try:
            while batch := cursor.fetchmany(1000):
                yield from batch
        except duckdb.Error as error:
            raise QueryError(redact(str(error), []), public_problem=_public_message(error)) from None

    return names, rows()
